"""A release is out once a person says when it went out. A tag alone says it of none: a candidate has one too."""

from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.utils.html import escape

import releases
from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import AuditEntry
from releases.approvals.actions import ask
from releases.models import Release
from releases.planning import tags
from releases.planning.actions import create_release, edit_release
from releases.planning.members import state_now
from squads.models import Story
from tests.releases.contents.conftest import Told
from tests.releases.contents.conftest import history as history
from tests.releases.contents.conftest import release as release
from tests.releases.contents.conftest import story as story

pytestmark = pytest.mark.django_db
API = "/api/v1/releases/"
T0 = datetime(2026, 3, 2, tzinfo=UTC)
[found] = (Path(releases.__file__).parent / "migrations").glob("*_who_says_a_release_is_out.py")
migration = import_module(f"releases.migrations.{found.stem}")


@pytest.fixture
def tagged(history: Told, story: Story, release: Release) -> Release:
    """Release 1.0 of checkout, tagged with seconds that no form shows by minutes."""
    history.touch("first", f"{story.key} refund", 0)
    history.look("first", **{"v1.0": ("first", 2.01)})
    release.refresh_from_db()
    assert release.released_at == release.tagged_at and release.released_at and release.released_at.second
    return release


def form_of(page: str, name: str) -> str:
    """The field of the form with this name."""
    return page.split(f'name="{name}"')[1].split(">")[0]


def test_a_tag_alone_says_of_no_release_that_it_is_out(tagged: Release, ana: User, pam: User, as_ria: Client) -> None:
    assert not tagged.is_out
    assert ask(tagged, by=ana, kind="person", person=pam).state == "waiting"
    page = as_ria.get(tagged.get_absolute_url()).content.decode()
    assert "tagged" in page.split("</h1>")[1].split("</div>")[0] and "released" not in page.split("</h1>")[1][:900]


def test_saving_its_form_as_it_is_says_nothing(as_ana: Client, tagged: Release) -> None:
    address = f"{tagged.get_absolute_url()}edit/"
    page = as_ana.get(address).content.decode()
    assert "value" not in form_of(page, "released_at")
    said = {"version": "1.0", "line": "checkout", "goal": "Faster.", "released_at": ""}
    assert as_ana.post(address, said).status_code == 302
    tagged.refresh_from_db()
    assert (tagged.goal, tagged.is_out, tagged.released_at) == ("Faster.", False, tagged.tagged_at)


def test_who_says_when_it_went_out_says_that_it_is_out_and_may_take_it_back(as_pam: Client, tagged: Release) -> None:
    address = f"{tagged.get_absolute_url()}edit/"
    said = {"version": "1.0", "line": "checkout", "released_at": "2026-03-14T15:09:26"}
    as_pam.post(address, said)
    tagged.refresh_from_db()
    assert (tagged.is_out, tagged.released_at) == (True, datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC))
    assert 'value="2026-03-14T15:09:26"' in form_of(as_pam.get(address).content.decode(), "released_at")
    assert AuditEntry.objects.latest("pk").did.startswith("changed the release date from 2026-03-02")
    as_pam.post(address, said | {"released_at": ""})
    tagged.refresh_from_db()
    assert (tagged.is_out, tagged.released_at) == (False, tagged.tagged_at)


def test_a_person_says_it_also_of_one_that_was_found_as_a_tag(as_pam: Client, tagged: Release) -> None:
    Release.objects.update(origin="tag")
    as_pam.post(f"{tagged.get_absolute_url()}edit/", {"released_at": "2026-03-14T15:09:26"})
    tags.count([tagged.pk])
    tagged.refresh_from_db()
    assert (tagged.is_out, tagged.version, tagged.released_at != tagged.tagged_at) == (True, "1.0", True)


def test_sending_back_what_the_api_said_says_nothing(as_pam: Client, tagged: Release) -> None:
    address = f"{API}{tagged.slug}/"
    shown = as_pam.get(address).json()
    assert shown["is_out"] is False
    body = {"released_at": shown["released_at"], "notes": "Big."}
    assert as_pam.patch(address, body, content_type="application/json").json()["is_out"] is False
    body = {"released_at": "2026-03-14T15:09:26Z"}
    assert as_pam.patch(address, body, content_type="application/json").json()["is_out"] is True
    assert [each["slug"] for each in as_pam.get(API, {"released": "true"}).json()["results"]] == [tagged.slug]
    assert as_pam.get(API, {"released": "false"}).json()["results"] == []


def test_typing_exactly_the_date_of_its_tag_says_that_it_is_out(as_pam: Client, tagged: Release) -> None:
    assert tagged.tagged_at
    Release.objects.update(tagged_at=(at := tagged.tagged_at.replace(microsecond=0)), released_at=at)
    said = {"version": "1.0", "line": "checkout", "released_at": f"{at:%Y-%m-%dT%H:%M:%S}"}
    address = f"{tagged.get_absolute_url()}edit/"
    assert as_pam.post(address, said).status_code == 302
    tagged.refresh_from_db()
    assert (tagged.is_out, tagged.released_at, tagged.revision) == (True, at, 2)
    assert AuditEntry.objects.latest("pk").did == "changed the state from tagged to out of checkout 1.0"
    as_pam.post(address, said | {"released_at": "", "revision": 2})
    tagged.refresh_from_db()
    assert (tagged.is_out, tagged.released_at) == (False, at)
    assert AuditEntry.objects.latest("pk").did == "changed the state from out to tagged of checkout 1.0"


def test_programs_say_that_a_release_is_out_with_its_tags_date_or_another(
    as_pam: Client, as_ana: Client, tagged: Release, pam: User
) -> None:
    address, kind = f"{API}{tagged.slug}/", {"content_type": "application/json"}
    assert as_ana.patch(address, {"is_out": True}, **kind).status_code == 403  # type: ignore[arg-type]
    said = as_pam.patch(address, {"is_out": True}, **kind).json()  # type: ignore[arg-type]
    assert said["is_out"] is True and said["released_at"] == said["tagged_at"]
    assert as_pam.patch(address, {"is_out": False}, **kind).json()["is_out"] is False  # type: ignore[arg-type]
    body = {"is_out": False, "released_at": "2026-03-14T15:09:26Z"}
    answer = as_pam.patch(address, body, **kind)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "is_out")
    untagged = create_release(by=pam, version="2.0")
    answer = as_pam.patch(f"{API}{untagged.slug}/", {"is_out": True}, **kind)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "released_at")
    for body, status in (({}, 400), ({"released_at": "2026-03-14T15:09:26Z"}, 201)):
        answer = as_pam.post(API, {"version": "3.0", "is_out": True, **body}, **kind)  # type: ignore[arg-type]
        assert answer.status_code == status
    assert Release.objects.get(version="3.0").is_out


def test_a_planned_release_with_a_tag_is_listed_by_its_target_date(as_ana: Client, ana: User, tagged: Release) -> None:
    out = create_release(by=None, version="0.9", released_at=clock.now() - timedelta(days=1))
    edit_release(tagged, by=ana, planned_for=date(2027, 1, 10))
    page = as_ana.get("/releases/").content.decode()
    assert "planned for 2027-01-10" in page and "tagged <time" not in page
    assert list(Release.objects.newest_first()) == [tagged, out]
    edit_release(tagged, by=ana, planned_for=None)
    assert "tagged <time" in as_ana.get("/releases/").content.decode()
    assert list(Release.objects.newest_first()) == [out, tagged]


@pytest.mark.parametrize("verb", ["post", "patch"])
def test_none_went_out_in_the_future(as_pam: Client, pam: User, verb: str) -> None:
    create_release(by=pam, version="2.0")
    later = clock.iso(clock.now() + timedelta(days=2))
    address, body = (API, {"version": "3.0"}) if verb == "post" else (f"{API}2.0/", {})
    answer = getattr(as_pam, verb)(address, body | {"released_at": later}, content_type="application/json")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["attr"]) == (400, "released_at")
    assert error["detail"] == "This is in the future. For a plan, set the target date instead."
    said = {"version": "2.0", "line": "", "released_at": later[:19]}
    page = as_pam.post("/releases/2.0/edit/", said)
    assert page.status_code == 400 and escape(error["detail"]) in page.content.decode()
    assert not Release.objects.filter(is_out=True).exists()


def test_one_that_is_tagged_without_stories_is_unknown_but_not_out(tagged: Release) -> None:
    Story.objects.update(release=None, ending="cancelled")
    assert state_now(tagged).reason == "It has changes, but no stories. So nothing shows how far it is."
    assert list(Release.objects.in_state("unknown")) == [tagged]


@pytest.mark.parametrize(
    ("changes", "is_ahead"),
    [
        ({}, True),
        ({"is_out": True}, False),
        ({"abandoned_at": datetime(2026, 3, 3, tzinfo=UTC)}, False),
        ({"origin": "tag"}, True),
        ({"origin": "tag", "released_at": datetime(2026, 1, 3, tzinfo=UTC)}, False),
    ],
)
def test_what_is_ahead_may_have_a_tag_but_is_neither_out_nor_history(
    tagged: Release, changes: dict[str, Any], is_ahead: bool
) -> None:
    Release.objects.update(**changes)
    assert Release.objects.ahead(datetime(2026, 3, 10, tzinfo=UTC)).exists() is is_ahead


def test_a_planned_release_stays_open_however_old_its_tag_is(tagged: Release, pam: User) -> None:
    later = datetime(2026, 9, 1, tzinfo=UTC)
    assert list(Release.objects.open(later)) == list(Release.objects.ahead(later)) == [tagged]
    edit_release(tagged, by=pam, released_at=datetime(2026, 3, 5, tzinfo=UTC))
    assert not Release.objects.open(later).exists()


def test_one_that_is_rodeo_done_is_not_ahead_any_more(tagged: Release, pam: User) -> None:
    Story.objects.update(stage="rodeo_done")
    assert not Release.objects.ahead(datetime(2026, 3, 10, tzinfo=UTC)).exists()
    edit_release(tagged, by=pam, released_at=datetime(2026, 3, 5, tzinfo=UTC))
    assert not Release.objects.not_out().exists()


def test_what_was_said_before_is_found_by_the_dates(tagged: Release, ana: User) -> None:
    """The form used to cut a tag's date to the minute, and a date in the future was no date on which anything went out."""
    assert tagged.tagged_at
    later = (clock.now() + timedelta(days=40)).replace(hour=12)
    for version, at, tag in (
        ("own", T0, None),
        ("cut", tagged.tagged_at.replace(second=0), tagged.tagged_at),
        ("other", tagged.tagged_at + timedelta(hours=1), tagged.tagged_at),
        ("later", later, None),
    ):
        Release.objects.create(version=version, slug=version, released_at=at, tagged_at=tag)
    migration.find_who_said_so(apps, connection.schema_editor())
    rows = Release.objects.in_bulk(field_name="slug")
    assert {slug for slug, row in rows.items() if row.is_out} == {"own", "other"}
    assert (rows["cut"].released_at, rows[tagged.slug].released_at) == (tagged.tagged_at, tagged.tagged_at)
    assert (rows["later"].released_at, rows["later"].planned_for) == (None, later.date())
