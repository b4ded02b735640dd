"""Administrators say how long things are kept, see what that deletes, and nobody else does."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client

from portal.kernel import clock, outbox
from portal.kernel.models import AuditEntry, Message
from portal.retention import actions
from portal.retention.models import Deletion, Retention
from portal.retention.tasks import delete_old_contents, delete_old_rows
from releases.inbox.actions import store
from releases.inbox.models import InboundEvent, Source
from releases.reading.actions import drain_inbox
from tests.releases.inbox.test_killed import event as cdevent

PAGE, API = "/administration/retention/", "/api/v1/retention/"
OLD = datetime(2026, 3, 2, 18, tzinfo=UTC)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of its own, and steps without a pause."""
    settings.STATE_DIR = tmp_path
    monkeypatch.setattr(actions, "PAUSE", 0)
    return tmp_path / "exports"


@pytest.fixture
def events(db: None) -> list[InboundEvent]:
    """Twelve events of 2 March 2026, read."""
    return stored(range(12), OLD)


def stored(numbers: range, at: datetime) -> list[InboundEvent]:
    source = Source.objects.get_or_create(key="ci", defaults={"name": "CI", "kind": "cdevents"})[0]
    rows = [store(source, delivery=f"e{n}", kind="", body=json.dumps(cdevent(n)).encode(), at=at)[0] for n in numbers]
    drain_inbox()
    return rows


def said(**fields: Any) -> dict[str, Any]:
    row = Retention.current()
    return {"events_days": "", "export_events": "on", "audit_days": "", "version": row.version, **fields}


def text(answer: Any) -> str:
    return answer.content.decode()  # type: ignore[no-any-return]


def kept_for(days: int) -> None:
    Retention.objects.update_or_create(pk=1, defaults={"events_days": days})


def with_contents() -> int:
    return InboundEvent.objects.with_contents().count()


# Changing it


def test_at_first_contents_of_events_are_kept_for_ever(as_root: Client, events: list[InboundEvent]) -> None:
    delete_old_contents()
    assert with_contents() == 12
    assert "for ever" in text(as_root.get(PAGE))


def test_a_shorter_time_says_what_goes_and_holds_only_when_confirmed(
    as_root: Client, events: list[InboundEvent]
) -> None:
    answer = as_root.post(PAGE, said(events_days="90"))
    assert answer.status_code == 200
    assert "This deletes the contents of 12 events received before" in text(answer)
    assert "(the oldest: 2 March 2026)" in text(answer)
    assert "rebuild can no longer read them in another way" in text(answer)
    assert Retention.current().events_days is None
    form = answer.context["form"]
    shown = {name: form[name].value() for name in form.fields}
    again = as_root.post(PAGE, {**shown, "export_events": "on", "audit_days": ""})
    assert again.status_code == 302
    assert Retention.current().events_days == 90
    delete_old_contents()
    assert with_contents() == 0


def test_a_confirmation_counts_only_for_the_days_that_were_shown(as_root: Client, events: list[InboundEvent]) -> None:
    answer = as_root.post(PAGE, said(events_days="90"))
    confirmed = answer.context["form"]["confirmed"].value()
    answer = as_root.post(PAGE, said(events_days="30", confirmed=confirmed))
    assert "This deletes" in text(answer)
    assert Retention.current().events_days is None


def test_a_longer_time_needs_no_confirmation(as_root: Client, events: list[InboundEvent]) -> None:
    kept_for(90)
    assert as_root.post(PAGE, said(events_days="300")).status_code == 302
    assert Retention.current().events_days == 300


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"events_days": "29"}, "Enter at least 30 days, or leave it empty to keep all."),
        ({"events_days": "soon"}, "Enter a whole number of days"),
        ({"events_days": "99999"}, "Enter at most 36500 days"),
        ({"audit_days": "364"}, "Enter at least 365 days"),
    ],
)
def test_days_that_make_no_sense_are_refused_with_the_remedy(
    as_root: Client, fields: dict[str, str], error: str
) -> None:
    answer = as_root.post(PAGE, said(**fields))
    assert answer.status_code == 400
    assert error in text(answer)


def test_of_two_who_change_it_at_once_one_is_told(as_root: Client) -> None:
    form = said(events_days="90")
    assert as_root.post(PAGE, {**form, "events_days": "100"}).status_code == 302
    answer = as_root.post(PAGE, form)
    assert answer.status_code == 409
    assert "Someone else changed this meanwhile" in text(answer)
    assert Retention.current().events_days == 100


def test_only_administrators_see_and_change_it(as_lea: Client, as_pam: Client) -> None:
    for browser in (as_lea, as_pam):
        assert browser.get(PAGE).status_code == 403
        assert browser.post(PAGE, said(events_days="90")).status_code == 403
        assert browser.get(API).status_code == 403
        assert browser.patch(API, {"events_days": 90}, content_type="application/json").status_code == 403


def test_the_page_asks_as_much_of_the_database_for_many_events_as_for_few(
    as_root: Client, events: list[InboundEvent], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(25) as few:
        as_root.get(PAGE)
    stored(range(12, 40), OLD)
    with django_assert_max_num_queries(len(few)):
        as_root.get(PAGE)


# The API


def patch(browser: Client, **fields: Any) -> Any:
    return browser.patch(API, fields, content_type="application/json")


def test_the_api_asks_for_the_same_confirmation(as_root: Client, events: list[InboundEvent]) -> None:
    answer = patch(as_root, events_days=90)
    assert answer.status_code == 400
    assert "This deletes the contents of 12 events" in text(answer)
    answer = patch(as_root, events_days=90, confirm=True, version=1)
    assert answer.status_code == 200
    assert answer.json()["events_days"] == 90
    assert patch(as_root, export_events=False, version=1).status_code == 409
    assert patch(as_root, export_events=False).json()["events_days"] == 90
    contents = as_root.get(API).json()["kept"][0]
    assert (contents["kind"], contents["count"], contents["oldest"]) == ("contents", 12, "2026-03-02T18:00:00Z")


# Deleting


def test_the_page_tells_what_was_deleted_and_which_files_hold_it(
    as_root: Client, events: list[InboundEvent], folder: Path
) -> None:
    kept_for(90)
    delete_old_contents()
    page = text(as_root.get(PAGE))
    assert "events-2026-03.jsonl.gz" in page
    assert str(folder) in page
    assert "So far, 12 keep this without their contents." in page
    row = Deletion.objects.get(kind="contents")
    assert (row.deleted, row.error) == (12, "")


def test_old_is_counted_in_whole_days_so_that_there_is_work_once_a_day(
    events: list[InboundEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_for(30)
    now = (OLD + timedelta(days=30)).replace(hour=23, minute=59)
    monkeypatch.setattr(clock, "now", lambda: now)
    assert actions.delete_old_contents() == 0
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=2))
    assert actions.delete_old_contents() == 12


def test_turning_it_off_ends_a_run_after_the_present_step(
    events: list[InboundEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_for(90)
    monkeypatch.setattr(actions, "FIRST_STEP", 2)
    pause = actions.time.sleep
    monkeypatch.setattr(actions.time, "sleep", lambda _: Retention.objects.update(events_days=None) and pause(0))
    assert actions.delete_old_contents() == 2
    assert with_contents() == 10


def test_an_export_that_fails_deletes_nothing_and_is_said_once(
    as_root: Client, events: list[InboundEvent], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept_for(90)
    (tmp_path / "exports").write_text("in the way")
    delete_old_contents()
    delete_old_contents()
    assert with_contents() == 12
    assert len([each for each in caplog.records if "can’t be written" in each.message]) == 1
    assert "so none are deleted. Make room there" in text(as_root.get(PAGE))
    (tmp_path / "exports").unlink()
    delete_old_contents()
    assert with_contents() == 0
    assert "Make room there" not in text(as_root.get(PAGE))


def test_without_export_contents_are_deleted_for_good(
    as_root: Client, events: list[InboundEvent], folder: Path
) -> None:
    kept_for(90)
    Retention.objects.update(export_events=False)
    delete_old_contents()
    assert with_contents() == 0
    assert not folder.exists()
    assert "nowhere" in text(as_root.get(events[0].get_absolute_url()))


def test_restored_contents_are_left_alone_until_there_was_time_to_read_them(
    as_root: Client, events: list[InboundEvent], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept_for(90)
    delete_old_contents()
    call_command("restore_events", folder / "events-2026-03.jsonl.gz")
    said_by_command = capsys.readouterr().out
    assert "restored 12 events." in said_by_command
    assert "Nothing of them is deleted again before" in said_by_command
    delete_old_contents()
    assert with_contents() == 12
    assert "Contents of events were restored, so none are deleted until" in text(as_root.get(PAGE))
    assert as_root.post(PAGE, said(events_days="90")).status_code == 302
    delete_old_contents()
    assert with_contents() == 0


def test_a_file_that_is_not_there_is_named(db: None) -> None:
    with pytest.raises(CommandError, match="There’s no file nowhere"):
        call_command("restore_events", "nowhere.gz")


def test_ended_sessions_expired_counts_and_delivered_messages_go(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now()
    # Counts of other tests may lie there, those that were made outside of a transaction.
    cache.clear()
    for number in range(3):
        Session.objects.create(session_key=f"old{number}", session_data="", expire_date=now - timedelta(days=1))
    Session.objects.create(session_key="new", session_data="", expire_date=now + timedelta(days=1))
    cache.set("old", 1, timeout=1)
    cache.set("new", 2, timeout=9000)
    Message.objects.create(topic="story.edited", handled_at=now - timedelta(days=8))
    monkeypatch.setattr(actions, "ROWS_PER_STEP", 2)
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(seconds=5))
    delete_old_rows()
    assert list(Session.objects.values_list("pk", flat=True)) == ["new"]
    assert cache.get("new") == 2
    assert not Message.objects.exists()
    counts = dict(Deletion.objects.values_list("kind", "deleted"))
    assert counts == {"messages": 1, "mails": 0, "sessions": 3, "cache": 1, "audit": 0, "checks": 0}


def test_a_kind_that_cannot_be_deleted_stops_no_other_and_is_said(
    as_root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> int:
        raise ZeroDivisionError

    Session.objects.create(session_key="old", session_data="", expire_date=clock.now() - timedelta(days=1))
    monkeypatch.setattr(outbox, "prune", broken)
    delete_old_rows()
    assert not Session.objects.filter(session_key="old").exists()
    assert "It failed (ZeroDivisionError; see the worker’s log)." in text(as_root.get(PAGE))


def test_old_entries_of_the_audit_log_go_only_when_somebody_said_so_and_that_is_in_the_log(
    as_root: Client, root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for days in (500, 400, 10):
        AuditEntry.objects.create(at=clock.now() - timedelta(days=days), by=root, did="did it", kind="mail")
    delete_old_rows()
    assert AuditEntry.objects.count() == 3
    answer = as_root.post(PAGE, said(audit_days="400"))
    assert "This deletes 1 entry of the audit log from before" in text(answer)
    assert patch(as_root, audit_days=450, confirm=True).status_code == 200
    delete_old_rows()
    assert AuditEntry.objects.filter(kind="mail").count() == 2
    entry = AuditEntry.objects.get(kind="retention")
    assert entry.by == root
    assert entry.did == "had contents of events kept for ever, and the audit log for 450 days"
