"""The contents of old events are deleted; what was read from them stays, and counts as before, whatever happens next."""

import gzip
import json
import os
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from portal.kernel import outbox
from releases.events import SourceChanged
from releases.inbox import exports
from releases.inbox.actions import Step, delete_contents, restore_contents, store
from releases.inbox.models import ContentsFile, Fact, InboundEvent, Source
from releases.mappings.actions import create_rule
from releases.mappings.merging import merge_twins
from releases.mappings.models import SeenName
from releases.models import Deployment, Environment
from releases.reading.actions import rebuild
from tests.releases.reading import test_order, test_random_histories
from tests.releases.reading.test_late_news import FIRST, SEEDS, assert_a_rebuild_changes_nothing, put, step
from tests.releases.reading.test_order import EVENTS, answers, event, everything, hour, read_all, send

pytestmark = pytest.mark.usefixtures("scene", "folder")
scene = test_order.scene
LATER = hour(1000)


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """A state folder of its own."""
    settings.STATE_DIR = tmp_path
    yield tmp_path / "exports"


def empty_all(*, to_files: bool = True, before: datetime = LATER, most: int = 1000) -> int:
    """Delete all contents that may go; return of how many events."""
    count = 0
    while done := delete_contents(before, to_files=to_files, most=most):
        count += done.emptied + done.deleted
    return count


def send_everything() -> None:
    step(*EVENTS)


def ci_events() -> Any:
    return InboundEvent.objects.filter(source__key="ci")


def lines(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(folder.glob("*.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]


def ignored(number: int = 1) -> InboundEvent:
    """An event that states nothing."""
    source = Source.objects.get_or_create(key="hub", defaults={"name": "hub", "kind": "github"})[0]
    event = store(source, delivery=f"w{number}", kind="watch", body=b'{"action": "started"}', at=hour(24))[0]
    read_all()
    event.refresh_from_db()
    assert event.state == "ignored"
    return event


# What goes, and what stays


def test_contents_go_and_everything_read_from_them_stays(folder: Path) -> None:
    send_everything()
    rows, said = everything(), answers()
    assert empty_all() == ci_events().count()
    assert not ci_events().with_contents().exists()
    assert {bytes(each) for each in ci_events().values_list("body", flat=True)} == {b""}
    assert everything() == rows
    assert answers() == said


def test_events_of_git_keep_their_contents_since_commits_are_read_from_nothing_else() -> None:
    send_everything()
    empty_all()
    assert not InboundEvent.objects.filter(source__key="git").without_contents().exists()


def test_failed_waiting_and_younger_events_keep_their_contents() -> None:
    ci = Source.objects.get(key="ci")
    failed = store(ci, delivery="f", kind="", body=b'{"context": 1}', at=hour(24))[0]
    read_all()
    send(("ci", put(1)))
    younger = store(ci, delivery="y", kind="x", body=b"{}", at=hour(24))[0]
    InboundEvent.objects.filter(pk=younger.pk).update(state="processed", received_at=LATER)
    failed.refresh_from_db()
    assert failed.state == "failed"
    assert empty_all() == 0


def test_an_ignored_event_that_says_nothing_is_deleted_whole(folder: Path) -> None:
    event = ignored()
    assert delete_contents(LATER, to_files=True, most=10).deleted == 1
    assert not InboundEvent.objects.filter(pk=event.pk).exists()
    assert lines(folder)[0]["id"] == str(event.pk)


def test_an_event_that_a_rule_ignores_keeps_its_row_and_the_names_it_uses(root: Any) -> None:
    create_rule(by=root, kind="environment", pattern="sandbox", role="ignored")
    step(("ci", put(1, "sandbox")))
    assert empty_all() == 1
    row = ci_events().get()
    assert (row.state, row.reason) == ("ignored", "A mapping rule ignores it.")
    rebuild()
    row.refresh_from_db()
    assert (row.state, row.reason) == ("ignored", "A mapping rule ignores it.")
    assert SeenName.objects.filter(kind="environment", name="sandbox").exists()


def test_a_delivery_that_comes_again_is_known_though_its_contents_are_gone() -> None:
    send(EVENTS[-1])
    read_all()
    empty_all()
    event = send(EVENTS[-1])
    read_all()
    assert ci_events().count() == 1
    assert event.contents_deleted_at is not None


def test_steps_take_no_more_than_they_are_told_and_go_on_where_they_left_off() -> None:
    send_everything()
    sizes = []
    while done := delete_contents(LATER, to_files=False, most=5):
        sizes.append(done.emptied)
    assert sizes == [5, 5, 5, 3]


# Reading again


def test_a_rebuild_makes_the_same_of_the_facts_that_were_kept() -> None:
    send_everything()
    empty_all(before=hour(25))
    assert_a_rebuild_changes_nothing()
    assert set(ci_events().values_list("state", flat=True)) == {"processed"}


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS // 3))
def test_whatever_was_emptied_a_rebuild_changes_nothing(
    seed: int, payments: Any, ana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    r = random.Random(seed)
    test_random_histories.read_a_few_at_once(random.Random(seed), monkeypatch)
    ana.is_superuser = ana.is_project_manager = True
    git = test_random_histories.Git(r)
    git.commit()
    git.commit()
    for number in range(8):
        r.choice([git.commit, git.merge, git.revert, git.rewrite, git.tag])()
        said = git.pulled() if r.random() < 0.7 else []
        for _ in range(r.randrange(4)):
            said += test_random_histories.happened(git, r, number)
        step(*said)
        if r.random() < 0.3:
            delete_contents(LATER, to_files=False, most=r.choice([1, 2, 5]))
        if r.random() < 0.3 and number < 6:
            test_random_histories.decided(r, ana)
            step()
    step(*git.pulled())
    delete_contents(LATER, to_files=False, most=r.choice([1, 3, 100]))
    assert InboundEvent.objects.without_contents().exists()
    states = list(InboundEvent.objects.order_by("pk").values_list("pk", "state", "reason"))
    assert_a_rebuild_changes_nothing()
    assert list(InboundEvent.objects.order_by("pk").values_list("pk", "state", "reason")) == states


def test_a_new_rule_leaves_emptied_events_as_they_were_read_and_says_so(as_root: Client, root: Any) -> None:
    step(("ci", put(1, "prod-us")))
    empty_all()
    step(("ci", put(2, "prod-us")))
    fields = {"kind": "environment", "pattern": "prod-us", "environment": "production", "order": "100"}
    said = as_root.post("/sources/mapping/new/", fields, follow=True).content.decode()
    assert "Not included: 1 event received before 4 March 2026." in said
    outbox.deliver()
    read_all()
    assert sorted(Deployment.objects.values_list("environment__key", flat=True)) == ["prod-us", "production"]
    assert_a_rebuild_changes_nothing()


def test_changed_settings_of_a_source_leave_emptied_events_alone(root: Any) -> None:
    send_everything()
    empty_all()
    outbox.publish(SourceChanged(id=Source.objects.get(key="ci").pk))
    outbox.deliver()
    assert not InboundEvent.objects.filter(state="pending").exists()


def test_merged_environments_take_the_past_of_emptied_events_with_them(root: Any) -> None:
    step(("ci", put(1, "prod-eu")), ("ci", event("environment.deleted", 2, "prod-eu", {})))
    empty_all()
    Environment.objects.create(key="Prod-EU", name="Prod-EU", slug="prod-eu-2")
    merge_twins("environment", "prod-eu", "Prod-EU", by=root)
    step()
    assert_a_rebuild_changes_nothing()
    assert Fact.objects.filter(kind="environment", key="Prod-EU").exists()


def test_nobody_reprocesses_an_emptied_event(as_ana: Client) -> None:
    step(("ci", put(1)))
    empty_all()
    event = ci_events().get()
    said = as_ana.post(f"/inbox/{event.pk}/replay/", follow=True).content.decode()
    assert "can’t be reprocessed. What was read from it stays." in said
    assert "Reprocess</button>" not in said
    answer = as_ana.post(f"/api/v1/events/{event.pk}/replay/")
    assert answer.status_code == 400
    event.refresh_from_db()
    assert event.state == "processed"
    assert event.facts.count() == 1


def test_its_page_says_when_the_contents_were_deleted_and_where_they_are(as_ana: Client, folder: Path) -> None:
    step(("ci", put(1)))
    empty_all()
    event = ci_events().get()
    said = as_ana.get(event.get_absolute_url()).content.decode()
    assert f"exports/events-2026-03.jsonl.gz in the state folder of {ContentsFile.objects.get().host}" in said
    assert as_ana.get(f"/inbox/{event.pk}/body/").status_code == 404
    found = as_ana.get(f"/api/v1/events/{event.pk}/").json()
    assert (found["body"], found["headers"]) == ("", {})
    assert found["contents_deleted_at"]


def test_an_event_that_waits_to_be_read_when_it_is_emptied_keeps_its_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    step(("ci", put(1)))
    append = exports.append

    def replayed_meanwhile(*args: Any) -> ContentsFile:
        file = append(*args)
        ci_events().update(state="pending")
        return file

    monkeypatch.setattr(exports, "append", replayed_meanwhile)
    assert not delete_contents(LATER, to_files=True, most=10)
    assert bytes(ci_events().get().body)


# Files


def test_files_hold_everything_and_only_their_owner_reads_them(folder: Path) -> None:
    send_everything()
    kept = {str(event.pk): (bytes(event.body).decode(), event.delivery) for event in ci_events()}
    empty_all(most=4)
    assert {line["id"]: (line["body"], line["delivery"]) for line in lines(folder)} == kept
    [path] = folder.glob("*.gz")
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    row = ContentsFile.objects.get()
    assert (row.size, row.events) == (path.stat().st_size, len(kept))


def test_restoring_makes_events_as_they_were_and_a_rebuild_reads_them_again(folder: Path) -> None:
    send_everything()
    ignored()
    body = b"\xff\x00\n not text"
    raw = store(Source.objects.get(key="ci"), delivery="raw", kind="x", body=body, headers={"a": "é"}, at=hour(24))[0]
    InboundEvent.objects.filter(pk=raw.pk).update(state="processed")
    before = list(InboundEvent.objects.order_by("pk").values())
    empty_all(most=7)
    assert list(InboundEvent.objects.order_by("pk").values()) != before
    done = [restore_contents(path) for path in sorted(folder.glob("*.gz"))]
    assert [(each.restored, each.known, each.homeless) for each in done] == [(20, 0, 0)]
    assert list(InboundEvent.objects.order_by("pk").values()) == before
    again = restore_contents(next(folder.glob("*.gz")))
    assert (again.restored, again.known) == (0, 20)
    InboundEvent.objects.filter(pk=raw.pk).delete()
    assert_a_rebuild_changes_nothing()


def test_a_full_disk_or_closed_folder_deletes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    send_everything()
    assert delete_contents(LATER, to_files=True, most=3).emptied == 3
    [path] = folder.glob("*.gz")
    size = path.stat().st_size

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as m:
        m.setattr(os, "fsync", full)
        with pytest.raises(exports.ExportFailed, match="No space left on device"):
            delete_contents(LATER, to_files=True, most=3)
    assert path.stat().st_size == size
    assert ci_events().without_contents().count() == 3
    assert empty_all() == ci_events().count() - 3
    assert restore_contents(path).restored == ci_events().count()


def test_what_a_killed_process_wrote_is_overwritten(folder: Path) -> None:
    send_everything()
    delete_contents(LATER, to_files=True, most=3)
    [path] = folder.glob("*.gz")
    with path.open("ab") as file:
        file.write(b"\x1f\x8b half a part")
    empty_all()
    assert len(lines(folder)) == ci_events().count()


def test_a_file_that_was_moved_away_is_not_begun_anew(folder: Path) -> None:
    send_everything()
    delete_contents(LATER, to_files=True, most=3)
    (folder / "events-2026-03.jsonl.gz").rename(folder / "away.gz")
    empty_all()
    assert {each.name for each in folder.glob("*.gz")} == {"away.gz", "events-2026-03-2.jsonl.gz"}
    assert len(lines(folder)) == ci_events().count()


def test_two_processes_never_write_at_once(folder: Path) -> None:
    send_everything()
    with exports.writing_alone() as alone:
        assert alone
        assert delete_contents(LATER, to_files=True, most=3) == Step(seconds=pytest.approx(0, abs=5))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda text: text[: len(text) // 2], "can’t be read after line"),
        (lambda text: b"no gzip", "can’t be read after line 0"),
        (lambda text: gzip.compress(b'{"id": 1}\n'), "Line 1 of"),
        (lambda text: gzip.compress(gzip.decompress(text).replace(b'"source": "ci"', b'"source": "git"')), "Line 1 of"),
    ],
)
def test_a_damaged_file_is_refused_with_the_line(folder: Path, damage: Any, says: str) -> None:
    send_everything()
    empty_all()
    [path] = folder.glob("*.gz")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(exports.DamagedFile, match=says):
        restore_contents(path)


def test_rebuild_says_what_it_can_no_longer_read_again(capsys: pytest.CaptureFixture[str]) -> None:
    send_everything()
    empty_all()
    call_command("rebuild")
    said = capsys.readouterr().out
    assert "Not included: 18 events received before 4 March 2026." in said
    assert "manage.py restore_events" in said
