"""A train creates the releases of its line ahead of time, once each, however often and by whomever it is run."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import AuditEntry, StateChange
from releases.models import Departure, Release, ReleaseTrain
from releases.planning.actions import abandon_release, create_release, edit_release, resume_release
from releases.release_trains import actions
from releases.release_trains.tasks import depart
from squads.models import Squad, Story
from squads.stories.actions import create_story

pytestmark = pytest.mark.django_db


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make it a moment of March 2026 (UTC)."""

    def set_to(day: int, hour: int = 12, month: int = 3) -> None:
        monkeypatch.setattr(clock, "now", lambda: datetime(2026, month, day, hour, tzinfo=UTC))

    set_to(2)
    return set_to


def said(**more: Any) -> dict[str, Any]:
    usual = {"line": "App", "pattern": "2026.{n}", "weekday": 1, "weeks": 2, "starts_on": "2026-03-03", "zone": "UTC"}
    return {**usual, "ahead": 2, "next_number": 1, **more}


def set_up(browser: Client, **more: Any) -> ReleaseTrain:
    answer = browser.post("/trains/new/", said(**more))
    assert answer.status_code == 302, answer.content.decode()
    return ReleaseTrain.objects.latest("pk")


def planned(line: str = "App") -> list[tuple[str, str]]:
    rows = Release.objects.filter(line=line).order_by("planned_for", "pk")
    return [(row.version, f"{row.planned_for:%m-%d}" if row.planned_for else "") for row in rows]


def test_a_train_creates_its_next_releases_at_once_and_the_others_in_time(
    as_ana: Client, on: Callable[..., None]
) -> None:
    train = set_up(as_ana)
    assert planned() == [("2026.1", "03-03"), ("2026.2", "03-17")]
    page = as_ana.get(train.get_absolute_url()).content.decode()
    assert "every 2 weeks on Tuesday" in page and "2026.3" in page and "2026-03-31" in page and "not yet" in page
    on(3)
    depart()
    assert len(planned()) == 2, "the release of today is still ahead"
    on(4)
    depart()
    depart()
    assert planned()[2:] == [("2026.3", "03-31")]
    on(1, month=5)
    depart()
    assert planned()[3:] == [("2026.4", "05-12"), ("2026.5", "05-26")], "what passed unnoticed is not made up for"


def test_the_day_is_that_of_the_trains_time_zone(as_ana: Client, on: Callable[..., None]) -> None:
    set_up(as_ana, zone="Pacific/Auckland", ahead=1)
    on(3, 12)
    depart()
    assert planned() == [("2026.1", "03-03"), ("2026.2", "03-17")], "in Auckland it is the fourth already"
    set_up(as_ana, line="Web", zone="America/Los_Angeles", ahead=1)
    on(4, 5)
    depart()
    assert planned("Web") == [("2026.1", "03-03")], "in Los Angeles it is still the third"


def test_a_train_killed_between_two_releases_goes_on_where_it_was(
    as_ana: Client, ana: User, on: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    train = set_up(as_ana, ahead=1)
    ReleaseTrain.objects.update(ahead=3)
    made = actions.create_release
    calls: list[str] = []

    def dies(**fields: Any) -> Release:
        calls.append(fields["version"])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return made(**fields)

    monkeypatch.setattr(actions, "create_release", dies)
    with pytest.raises(KeyboardInterrupt):
        depart()
    assert len(planned()) == 1, "nothing is half done"
    depart()
    assert [version for version, _ in planned()] == ["2026.1", "2026.2", "2026.3"]
    assert Departure.objects.filter(train=train).count() == 3


def test_a_train_that_fails_stops_no_other_and_says_so(
    as_ana: Client, on: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, _ = set_up(as_ana), set_up(as_ana, line="Web")
    sound = actions.create_release

    def fails(**values: Any) -> Release:
        if values["line"] == "App":
            raise ZeroDivisionError
        return sound(**values)

    monkeypatch.setattr(actions, "create_release", fails)
    on(20)
    depart()
    assert (len(planned()), len(planned("Web"))) == (2, 4)
    shown = as_ana.get(broken.get_absolute_url()).content.decode()
    assert "couldn’t be created (ZeroDivisionError; see the worker’s log). Rodeo will try again." in shown
    monkeypatch.setattr(actions, "create_release", sound)
    depart()
    assert "couldn’t be created" not in as_ana.get(broken.get_absolute_url()).content.decode()


def test_a_version_that_is_there_already_stops_the_train_and_that_is_said(
    as_ana: Client, ana: User, on: Callable[..., None]
) -> None:
    create_release(by=ana, version="v2026.2", line="App")
    train = set_up(as_ana, ahead=3)
    assert [version for version, _ in planned()] == ["2026.1", "v2026.2"] or len(planned()) == 2
    page = as_ana.get(train.get_absolute_url()).content.decode()
    assert "The release of 2026-03-17 would be called 2026.2, but App v2026.2 is there already." in page
    assert "stuck" in as_ana.get("/trains/").content.decode()
    depart()
    assert Release.objects.count() == 2
    page = as_ana.post(f"{train.get_absolute_url()}existing/", follow=True).content.decode()
    assert "App v2026.2 is now part of this train." in page and "is there already" not in page
    assert Departure.objects.get(day=date(2026, 3, 17)).release == Release.objects.get(version="v2026.2")
    assert Release.objects.filter(version="2026.3", planned_for="2026-03-31").exists()
    page = as_ana.post(f"{train.get_absolute_url()}existing/", follow=True).content.decode()
    assert "No release is in the way any more." in page


def test_a_release_that_was_abandoned_or_is_out_is_not_taken_for_a_departure(
    as_ana: Client, ana: User, on: Callable[..., None], pam: User
) -> None:
    there = create_release(by=ana, version="2026.1", line="App")
    train = set_up(as_ana, ahead=1)
    place = train.get_absolute_url()
    abandon_release(there, by=pam, because="Nobody wants it.")
    assert "App 2026.1 was abandoned." in as_ana.post(f"{place}existing/", follow=True).content.decode()
    depart()
    page = as_ana.get(place).content.decode()
    assert "App 2026.1 was abandoned. Change the pattern or the next number." in page and "existing/" not in page
    resume_release(there, by=pam)
    edit_release(there, by=pam, released_at=clock.now())
    assert "App 2026.1 is out already." in as_ana.post(f"{place}existing/", follow=True).content.decode()
    api = f"/api/v1/release-trains/{train.pk}/existing/"
    assert as_ana.post(api).status_code == 400 and not Departure.objects.exists()


def test_an_abandoned_release_that_is_in_production_is_not_taken_and_both_is_said(
    as_ana: Client, pam: User, payments: Squad, on: Callable[..., None]
) -> None:
    there = create_release(by=pam, version="2026.1", line="App")
    story = create_story(payments, by=pam, title="Saddle", release=there)
    train = set_up(as_ana, ahead=1)
    abandon_release(there, by=pam, because="Nobody wants it.")
    Story.objects.filter(pk=story.pk).update(stage="deployed")
    page = as_ana.post(f"{train.get_absolute_url()}existing/", follow=True).content.decode()
    assert "App 2026.1 was abandoned, yet it’s in production." in page


def test_a_changed_number_gets_it_going_as_well(as_ana: Client, ana: User, on: Callable[..., None]) -> None:
    create_release(by=ana, version="2026.1", line="App")
    train = set_up(as_ana, ahead=1)
    assert ReleaseTrain.objects.get().problem
    as_ana.post(f"{train.get_absolute_url()}edit/", said(ahead=1, next_number=5, version=1))
    train.refresh_from_db()
    assert train.problem == "" and ("2026.5", "03-03") in planned()


def test_a_release_that_somebody_deleted_is_not_created_again(as_ana: Client, on: Callable[..., None]) -> None:
    train = set_up(as_ana)
    Release.objects.filter(version="2026.2").delete()
    depart()
    assert planned() == [("2026.1", "03-03")]
    assert "deleted" in as_ana.get(train.get_absolute_url()).content.decode()


def test_paused_and_ended_trains_create_nothing(as_ana: Client, on: Callable[..., None]) -> None:
    train = set_up(as_ana, ahead=1)
    place = f"{train.get_absolute_url()}state/"
    assert "Paused." in as_ana.post(place, {"do": "pause"}, follow=True).content.decode()
    on(20)
    depart()
    assert len(planned()) == 1
    as_ana.post(place, {"do": "resume"})
    assert planned()[1:] == [("2026.2", "03-31")], "the departure of the pause is left out"
    as_ana.post(place, {"do": "end"})
    on(1, month=6)
    depart()
    assert len(planned()) == 2
    page = as_ana.post(place, {"do": "resume"}, follow=True).content.decode()
    assert "is now “ended”" in page and "Edit" not in page.split("<main")[1].split("</h1>")[1].split("<dl")[0]
    moves = StateChange.objects.filter(kind="releasetrain").order_by("pk").values_list("to_state", flat=True)
    assert list(moves) == ["paused", "running", "ended"]
    assert AuditEntry.objects.filter(did="ended the train of App").exists()
    set_up(as_ana, next_number=9)


def test_edits_are_kept_and_overwrite_nobody(as_ana: Client, lea: User, on: Callable[..., None]) -> None:
    train = set_up(as_ana, ahead=1)
    place = f"{train.get_absolute_url()}edit/"
    actions.edit_train(train, by=lea, weeks=3)
    answer = as_ana.post(place, said(ahead=1, weekday=3, version=1))
    assert answer.status_code == 409 and 'value="3"' in answer.content.decode()
    train.refresh_from_db()
    assert (train.weeks, train.weekday, train.version) == (3, 1, 2)
    page = as_ana.get(train.get_absolute_url()).content.decode()
    assert "by Lea: weeks from 2 to 3" in page and "every 3 weeks" in page
    assert planned() == [("2026.1", "03-03")], "what is there stays as it is"


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("pattern", "2026", "would both be called 2026"),
        ("pattern", "{q}", "Unknown placeholder"),
        ("weeks", "0", "Enter a number from 1 to 26."),
        ("starts_on", "1900-01-01", "Enter a day from 2000-01-01"),
        ("zone", "Europe/Nowhere", "Select a valid choice"),
    ],
)
def test_what_cannot_go_is_refused_by_field(as_ana: Client, field: str, value: str, why: str) -> None:
    answer = as_ana.post("/trains/new/", said(**{field: value}))
    assert answer.status_code == 400 and why in answer.content.decode()
    assert not ReleaseTrain.objects.exists() and not Release.objects.exists()


def test_a_line_has_one_train(as_ana: Client, on: Callable[..., None]) -> None:
    set_up(as_ana)
    answer = as_ana.post("/trains/new/", said(next_number=50))
    assert answer.status_code == 400 and "App has a train already." in answer.content.decode()


@pytest.mark.parametrize("path", ["/trains/new/", "/api/v1/release-trains/"])
def test_of_two_people_who_set_up_a_lines_train_at_once_the_second_is_told(
    as_ana: Client, lea: User, on: Callable[..., None], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Whoever waits for the other's transaction finds what it made (which is undone with the refusal here)."""
    held = actions.hold

    def waits(name: str) -> None:
        monkeypatch.setattr(actions, "hold", held)
        actions.create_train(by=lea, **(said(next_number=50) | {"starts_on": date(2026, 3, 3)}))

    monkeypatch.setattr(actions, "hold", waits)
    answer = as_ana.post(path, said(), content_type="application/json") if "api" in path else as_ana.post(path, said())
    assert answer.status_code == 400 and "App has a train already." in answer.content.decode()
    assert not ReleaseTrain.objects.exists()


def test_readers_see_trains_and_set_up_none(as_ria: Client, as_ana: Client, on: Callable[..., None]) -> None:
    assert "No release trains yet" in as_ria.get("/trains/").content.decode()
    assert as_ria.post("/trains/new/", said()).status_code == 403
    train = set_up(as_ana)
    assert "every 2 weeks" in as_ria.get("/trains/").content.decode()
    assert "Pause" not in as_ria.get(train.get_absolute_url()).content.decode()
    for way in ("edit", "state", "existing"):
        assert as_ria.post(f"{train.get_absolute_url()}{way}/", said(version=1)).status_code == 403


def test_stories_that_miss_their_release_move_to_the_next_with_one_press(
    as_ana: Client, ana: User, payments: Squad, on: Callable[..., None]
) -> None:
    set_up(as_ana)
    release, later = Release.objects.order_by("planned_for")
    stories = [create_story(payments, by=ana, title=f"Story {number}", release=release) for number in range(3)]
    Story.objects.filter(pk=stories[2].pk).update(stage="deployed")
    place = f"{release.get_absolute_url()}missed/"
    page = as_ana.get(place).content.decode()
    assert "Move PAY-1" in page and "Move PAY-2" in page and "PAY-3" not in page and "App 2026.2, 2026-03-17" in page
    page = as_ana.post(place, {"to": later.slug, "keys": ["PAY-1", "PAY-2"]}, follow=True).content.decode()
    assert "Moved 2 stories to App 2026.2." in page
    assert set(Story.objects.filter(release=later).values_list("key", flat=True)) == {"PAY-1", "PAY-2"}
    assert "Every story planned for App 2026.1 is in production." in as_ana.get(place).content.decode()
    answer = as_ana.post(place, {"to": later.slug, "keys": ["PAY-1"]})
    assert answer.status_code == 400 and "Not planned for App 2026.1 any more: PAY-1." in answer.content.decode()


def test_stories_of_other_squads_stay_and_nothing_is_half_moved(
    as_ana: Client, ana: User, bo: User, payments: Squad, search: Squad, on: Callable[..., None]
) -> None:
    set_up(as_ana)
    release, later = Release.objects.order_by("planned_for")
    mine = create_story(payments, by=ana, title="Mine", release=release)
    theirs = create_story(search, by=bo, title="Theirs", release=release)
    place = f"{release.get_absolute_url()}missed/"
    assert "only Search can" in as_ana.get(place).content.decode()
    answer = as_ana.post(place, {"to": later.slug, "keys": [mine.key, theirs.key]})
    assert answer.status_code == 400 and "Nothing was moved." in answer.content.decode()
    assert Story.objects.filter(release=release).count() == 2
    answer = as_ana.post(place, {"to": release.slug, "keys": [mine.key]})
    assert answer.status_code == 400 and "Choose the release they move to." in answer.content.decode()


def test_without_a_later_release_the_page_says_what_to_do(as_ana: Client, ana: User, payments: Squad) -> None:
    release = create_release(by=ana, version="1.0", line="Shop", planned_for="2026-03-03")
    create_story(payments, by=ana, title="Late", release=release)
    page = as_ana.get(f"{release.get_absolute_url()}missed/").content.decode()
    assert "Shop has no later release with a target date." in page and "?line=Shop" in page


def test_programs_set_up_change_and_pause_trains(as_ana: Client, on: Callable[..., None]) -> None:
    place = "/api/v1/release-trains/"
    body = {"line": "App", "pattern": "{yyyy}.{ww}", "weekday": 3, "weeks": 1, "starts_on": "2026-03-01"}
    made = as_ana.post(place, body, content_type="application/json").json()
    assert made["state"] == "running" and made["coming"][0] == {"day": "2026-03-19", "version": "2026.12"}
    one = f"{place}{made['id']}/"
    changed = as_ana.patch(one, {"ahead": 3, "version": 1}, content_type="application/json").json()
    assert changed["version"] == 2 and changed["coming"][0]["day"] == "2026-03-26"
    assert as_ana.patch(one, {"ahead": 4, "version": 1}, content_type="application/json").status_code == 409
    rows = as_ana.get(f"{one}departures/").json()["results"]
    assert (rows[0]["day"], rows[0]["release"]) == ("2026-03-19", "app-2026.12")
    assert as_ana.post(f"{one}state/", {"state": "paused"}, content_type="application/json").json()["coming"] == []
    assert as_ana.post(f"{one}state/", {"state": "paused"}, content_type="application/json").status_code == 409
    wrong = as_ana.post(place, {**body, "line": "Web", "pattern": "x"}, content_type="application/json")
    assert wrong.status_code == 400 and wrong.json()["errors"][0]["attr"] == "pattern"


def test_programs_move_missed_stories(as_ana: Client, ana: User, payments: Squad, on: Callable[..., None]) -> None:
    set_up(as_ana)
    release, later = Release.objects.order_by("planned_for")
    create_story(payments, by=ana, title="Late", release=release)
    place = f"/api/v1/releases/{release.slug}/missed/"
    answer = as_ana.post(place, {"to": later.slug, "stories": ["PAY-1"]}, content_type="application/json")
    assert answer.json() == {"to": later.slug, "stories": ["PAY-1"]}
    for to in ("nowhere", release.slug, create_release(by=ana, version="0", line="Web", planned_for="2027-01-01").slug):
        wrong = as_ana.post(place, {"to": to, "stories": ["PAY-1"]}, content_type="application/json")
        assert wrong.status_code == 400 and wrong.json()["errors"][0]["attr"] == "to"
    back = f"/api/v1/releases/{later.slug}/missed/"
    wrong = as_ana.post(back, {"to": release.slug, "stories": ["PAY-1"]}, content_type="application/json")
    assert wrong.status_code == 400 and "after that of App 2026.2" in wrong.json()["errors"][0]["detail"]
    assert Story.objects.get().release == later


def test_lists_cost_the_same_whatever_they_hold(as_ana: Client, ana: User, on: Callable[..., None]) -> None:
    costs = []
    as_ana.get("/trains/")
    for number in range(8):
        fields = said(line=f"Line {number}") | {"starts_on": date(2026, 3, 3)}
        train = actions.create_train(by=ana, **fields)
        if number in (1, 7):
            with CaptureQueriesContext(connection) as asked:
                as_ana.get("/trains/")
                as_ana.get("/api/v1/release-trains/")
                as_ana.get(train.get_absolute_url())
            costs.append(len(asked))
    assert costs[0] == costs[1]


def test_a_train_that_ended_is_not_changed(ana: User, as_ana: Client, on: Callable[..., None]) -> None:
    train = set_up(as_ana)
    actions.end(train, by=ana)
    with pytest.raises(ValidationError, match="has ended"):
        actions.edit_train(train, by=ana, weeks=3)
