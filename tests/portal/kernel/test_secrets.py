"""Secrets at rest."""

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from portal.kernel.secrets import box
from releases.inbox.models import Source

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def stored(source: Source) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM releases_source WHERE id = %s", [source.pk])
        return str(cursor.fetchone()[0])


@pytest.mark.django_db
def test_a_secret_is_plain_in_python_and_nowhere_else() -> None:
    source = Source.objects.create(key="ci", name="CI", kind="cdevents", secret="hush")
    assert Source.objects.get().secret == "hush"
    assert "hush" not in stored(source)


@pytest.mark.django_db
def test_keys_are_rotated_by_putting_the_new_one_first(settings: Settings) -> None:
    settings.RODEO_FIELD_KEYS = [OLD]
    source = Source.objects.create(key="ci", name="CI", kind="cdevents", secret="hush")
    settings.RODEO_FIELD_KEYS = [NEW, OLD]
    source = Source.objects.get()
    assert source.secret == "hush"
    source.save()
    settings.RODEO_FIELD_KEYS = [NEW]
    assert Source.objects.get().secret == "hush"


@pytest.mark.django_db
def test_a_secret_whose_key_is_lost_lets_nobody_in(settings: Settings) -> None:
    settings.RODEO_FIELD_KEYS = [OLD]
    Source.objects.create(key="ci", name="CI", kind="cdevents", secret="hush")
    settings.RODEO_FIELD_KEYS = [NEW]
    assert Source.objects.get().secret == ""


def test_what_is_no_key_is_refused_with_the_remedy(settings: Settings) -> None:
    settings.RODEO_FIELD_KEYS = ["not a key"]
    with pytest.raises(ImproperlyConfigured, match="RODEO_FIELD_KEYS"):
        box()


@pytest.mark.django_db
def test_rotating_writes_every_secret_with_the_newest_key(settings: Settings) -> None:
    settings.RODEO_FIELD_KEYS = [OLD]
    Source.objects.create(key="ci", name="CI", kind="cdevents", secret="hush")
    settings.RODEO_FIELD_KEYS = [NEW, OLD]
    call_command("rotate_keys")
    settings.RODEO_FIELD_KEYS = [NEW]
    assert Source.objects.get().secret == "hush"


@pytest.mark.django_db
def test_rotating_without_the_old_key_changes_nothing_and_says_so(settings: Settings) -> None:
    settings.RODEO_FIELD_KEYS = [OLD]
    source = Source.objects.create(key="ci", name="CI", kind="cdevents", secret="hush")
    before = stored(source)
    settings.RODEO_FIELD_KEYS = [NEW]
    with pytest.raises(CommandError, match="Put the key back"):
        call_command("rotate_keys")
    assert stored(source) == before
