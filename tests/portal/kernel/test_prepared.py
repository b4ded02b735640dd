"""A prepared query answers for the values it is given, as if it were written anew."""

import re
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.among import Among, Given
from portal.kernel.one_query import Asked, Together, number, text
from portal.kernel.prepared import Prepared
from releases.models import Release
from squads.models import Squad
from squads.stories.actions import create_story
from tests.conftest import ROOT

pytestmark = pytest.mark.django_db


def every_prepared_query() -> "list[Prepared]":
    for package in ("portal", "releases", "squads"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if re.search(r"^\w.* = .*\b(Prepared|Together)\(", path.read_text(), re.MULTILINE):
                import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    from portal.home.context import WAITS

    assert WAITS in Prepared.every and len(Prepared.every) > 15
    return list(Prepared.every)


def test_no_prepared_query_remembers_when_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = every_prepared_query()
    before = [each.write() for each in prepared]
    later = datetime.now(UTC) + timedelta(days=400)
    monkeypatch.setattr(clock, "now", lambda: later)
    monkeypatch.setattr(timezone, "now", lambda: later)
    after = [each.write() for each in prepared]
    assert [each[:2] for each in before] == [each[:2] for each in after]


def test_no_prepared_query_asks_anything_while_it_is_written() -> None:
    # Django asks a database once in a process whether it has JSON, whoever comes first.
    assert connection.features.supports_json_field
    with CaptureQueriesContext(connection) as asked:
        for each in every_prepared_query():
            each.write()
    assert not asked.captured_queries


def test_one_value_is_not_taken_for_many_nor_many_for_one(ana: User) -> None:
    one = Prepared(lambda: User.objects.filter(Among(F("pk"), Given("id", is_one=True))).values_list("username"))
    many = Prepared(lambda: User.objects.filter(Among(F("pk"), Given("ids"))).values_list("username"))
    assert one.rows(id=ana.pk) == many.rows(ids=[ana.pk]) == [("ana",)]
    with pytest.raises(TypeError, match="id is one value"):
        one.rows(id=[ana.pk])
    with pytest.raises(TypeError, match="ids is many values"):
        many.rows(ids=ana.pk)


def test_each_asks_with_the_values_of_its_time(ana: User) -> None:
    query = Prepared(lambda: User.objects.filter(Among(F("pk"), Given("ids"))).order_by("pk").values_list("username"))
    assert query.rows(ids=[]) == []
    assert query.rows(ids=[ana.pk, -1]) == [("ana",)]
    other = User.objects.create_user("zoe")
    assert query.rows(ids={ana.pk, other.pk}) == [("ana",), ("zoe",)]


def test_values_are_read_as_their_fields_say(payments: Squad, ana: User) -> None:
    release = Release.objects.create(version="1.0", created_at=clock.now())
    story = create_story(payments, by=ana, title="One", release=release)
    columns = ("pk", "release_id", "standing", "created_at")
    rows = type(story).objects.filter(Among(F("release"), Given("ids"))).values_list(*columns)
    query = Prepared(lambda: rows)
    assert query.rows(ids=[release.pk]) == list(type(story).objects.values_list(*columns))
    assert query.rows(ids=[release.pk])[0][1:3] == (release.pk, story.standing)


def test_several_things_in_one_prepared_query_come_apart_again(payments: Squad, search: Squad, ana: User) -> None:
    both = Together(
        lambda: [
            Asked(Squad.objects.filter(Among(F("pk"), Given("squads"))), {"pk": number, "name": text}),
            Asked(User.objects.filter(Among(F("pk"), Given("people"))), {"username": text}),
        ]
    )
    assert both.rows(squads=[search.pk], people=[ana.pk]) == [[(search.pk, "Search")], [("ana",)]]
    assert both.rows(squads=[payments.pk], people=[]) == [[(payments.pk, "Payments")], []]
