"""What was judged of a release when it went out is kept as it was, once, and nothing changes it."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import AuditEntry
from releases.models import Release, ReleaseContent, Shipping, Snapshot
from releases.planning.actions import create_release, edit_release
from releases.reading.actions import rebuild
from releases.snapshots import actions
from releases.snapshots.documents import Difference, canonical
from releases.snapshots.models import Kept
from squads.models import ScopeChange, Squad, Story
from squads.stories.actions import create_story, judge
from tests.releases.forecasts.conftest import seen

pytestmark = pytest.mark.django_db
SHA = "5275a45b7e99c7fd7265b790392c10a74101a67a"


@pytest.fixture
def release(ana: User, payments: Squad, checkout: Any) -> Release:
    made = create_release(by=ana, line="Shop", version="1.0")
    ReleaseContent.objects.create(release=made, service=checkout, sha=SHA, by=ana)
    create_story(payments, by=ana, title="Refunds", release=made)
    return made


def ago(minutes: float) -> datetime:
    return clock.now() - timedelta(minutes=minutes)


def deploy(release: Release, at: datetime, shas: list[str] | None = None) -> None:
    """Have all stories of a release deployed to production at a moment; or rolled back, where nothing of them runs there."""
    stories = list(Story.objects.filter(release=release))
    ScopeChange.objects.filter(story__in=stories).update(at=at - timedelta(days=1))
    for story in stories:
        if not story.evidence.exists():
            for kind in ("change", "run"):
                seen(story, kind, at - timedelta(minutes=1)).save(force_insert=True)
        more = {} if shas is None else {"shas": shas}
        seen(story, "deployment", at, **more).save(force_insert=True)
    judge([story.pk for story in stories])


def only() -> Snapshot:
    return Snapshot.objects.get()


def moments(release: Release) -> list[tuple[str, datetime | None]]:
    return list(release.shippings.values_list("moment", "shipped_at"))


# When a release goes out


def test_a_release_that_goes_out_is_kept_once(release: Release) -> None:
    assert actions.notice_shipped() == 0 and not Snapshot.objects.exists()
    at = ago(5)
    deploy(release, at)
    assert actions.notice_shipped() == 1
    assert actions.notice_shipped() == 0
    snapshot = only()
    kept = json.loads(snapshot.document)
    assert (snapshot.reason, snapshot.by, snapshot.release) == ("shipped", None, release.pk)
    assert kept["release"]["name"] == "Shop 1.0" and kept["taken"]["because"] == "All of it is in production."
    assert kept["contents"]["services"][0]["sha"] == SHA
    assert [each["key"] for each in kept["facts"]["stories"]] == ["PAY-1"]
    assert kept["readiness"]["verdict"] == snapshot.verdict and kept["template"]
    assert moments(release) == [("out", at)]


def test_a_tag_proves_no_deployment(as_ana: Client, release: Release) -> None:
    Release.objects.update(tagged_at=ago(1), released_at=ago(1))
    assert actions.notice_shipped() == 0 and not Snapshot.objects.exists()
    page = as_ana.get(f"/releases/{release.slug}/snapshots/").content.decode()
    assert "no deployment of its stories to production is known" in page
    deploy(release, ago(0))
    assert actions.notice_shipped() == 1 and only().reason == "shipped"


def test_where_somebody_says_that_it_is_out_that_is_kept_and_so_is_the_deployment(
    as_ana: Client, release: Release, pam: User
) -> None:
    said, at = ago(9), ago(5)
    edit_release(release, by=pam, released_at=said)
    assert "Its snapshot is taken within" in as_ana.get(f"/releases/{release.slug}/snapshots/").content.decode()
    assert actions.notice_shipped() == 1 and actions.notice_shipped() == 0
    assert only().reason == "said" and "Somebody said that it’s out." in only().document
    deploy(release, at)
    assert actions.notice_shipped() == 1 and actions.notice_shipped() == 0
    assert moments(release) == [("said", said), ("out", at)] and Snapshot.objects.count() == 2
    deploy(release, ago(1), shas=[])
    assert actions.notice_shipped() == 1 and actions.notice_shipped() == 0
    assert moments(release)[2:] == [("back", None)]


def test_one_that_goes_out_again_after_it_was_rolled_back_keeps_both(release: Release) -> None:
    first, back, second = ago(20), ago(15), ago(10)
    deploy(release, first)
    actions.notice_shipped()
    deploy(release, back, shas=[])
    actions.notice_shipped()
    deploy(release, second)
    actions.notice_shipped()
    actions.notice_shipped()
    assert moments(release) == [("out", first), ("back", None), ("out", second)]
    assert [each.reason for each in Snapshot.objects.all()] == ["shipped", "shipped"]


def test_also_when_both_happened_before_anybody_looked(release: Release) -> None:
    first, second = ago(20), ago(10)
    deploy(release, first)
    actions.notice_shipped()
    deploy(release, ago(15), shas=[])
    deploy(release, second)
    actions.notice_shipped()
    actions.notice_shipped()
    assert moments(release) == [("out", first), ("out", second)] and Snapshot.objects.count() == 2


def test_one_that_goes_out_in_parts_is_kept_when_it_begins_and_when_it_is_complete(
    release: Release, ana: User, payments: Squad
) -> None:
    first, last = ago(20), ago(10)
    deploy(release, first)
    late = create_story(payments, by=ana, title="Vouchers", release=release)
    ScopeChange.objects.update(at=ago(60))
    actions.notice_shipped()
    actions.notice_shipped()
    for kind, at in (("change", last), ("run", last), ("deployment", last)):
        seen(late, kind, at).save(force_insert=True)
    judge([late.pk])
    actions.notice_shipped()
    assert moments(release) == [("began", first), ("out", last)]
    assert sorted(each.reason for each in Snapshot.objects.all()) == ["began", "shipped"]


def test_what_is_accepted_later_does_not_go_out_again(release: Release) -> None:
    deploy(release, ago(20))
    actions.notice_shipped()
    story = Story.objects.get(key="PAY-1")
    seen(story, "acceptance", ago(5)).save(force_insert=True)
    judge([story.pk])
    story.refresh_from_db()
    assert story.stage == "rodeo_done" and actions.notice_shipped() == 0


def test_two_workers_at_once_keep_it_once(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(release, ago(5))
    moves = actions._moves()
    actions.notice_shipped()
    monkeypatch.setattr(actions, "_moves", lambda: moves)
    actions.notice_shipped()
    assert Snapshot.objects.count() == Shipping.objects.count() == 1


def test_one_that_cannot_be_judged_stops_no_other_and_its_page_says_so(
    as_ana: Client, release: Release, ana: User, payments: Squad, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = create_release(by=ana, line="Shop", version="2.0")
    create_story(payments, by=ana, title="Vouchers", release=other)
    for each in (release, other):
        deploy(each, ago(5))
    sound = actions.present

    def broken(asked: Release) -> Any:
        if asked == release:
            raise ZeroDivisionError
        return sound(asked)

    monkeypatch.setattr(actions, "present", broken)
    actions.notice_shipped()
    assert only().release == other.pk and actions.notice_shipped() == 0
    page = as_ana.get(f"/releases/{release.slug}/snapshots/").content.decode()
    assert "No snapshot: judging it failed (ZeroDivisionError; see the worker’s log)." in page


def test_what_is_noticed_too_late_is_not_judged_and_the_page_says_why(as_ana: Client, release: Release) -> None:
    Release.objects.update(created_at=clock.now() - timedelta(days=9))
    deploy(release, clock.now() - timedelta(hours=30))
    actions.notice_shipped()
    assert not Snapshot.objects.exists()
    page = as_ana.get(f"/releases/{release.slug}/snapshots/").content.decode()
    assert "Rodeo noticed 1 day after it went out" in page and "None yet." in page


def test_one_that_was_out_before_rodeo_knew_of_it_says_so(as_ana: Client, release: Release) -> None:
    deploy(release, clock.now() - timedelta(days=400))
    actions.notice_shipped()
    assert "before Rodeo knew of it" in as_ana.get(f"/releases/{release.slug}/snapshots/").content.decode()
    assert actions.notice_shipped() == 0


# Kept


def test_it_is_the_bytes_of_its_digest(as_ana: Client, release: Release, ana: User) -> None:
    taken = actions.take_snapshot(release, by=ana)
    for path in (f"/snapshots/{taken.sha256}/document/", f"/api/v1/snapshots/{taken.sha256}/document/"):
        answer = as_ana.get(path)
        assert answer["Content-Type"] == "application/json" and "attachment" in answer["Content-Disposition"]
        assert hashlib.sha256(answer.content).hexdigest() == taken.sha256
    page = as_ana.get(taken.get_absolute_url()).content.decode()
    assert taken.sha256 in page
    # Written in the one form that there is.
    assert canonical(json.loads(taken.document)) == taken.document


def test_no_door_changes_it(release: Release, ana: User) -> None:
    taken = actions.take_snapshot(release, by=ana)
    taken.document = "{}"
    with pytest.raises(Kept):
        taken.save()
    with pytest.raises(Kept):
        Snapshot.objects.update(verdict="ready")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {Snapshot._meta.db_table} SET verdict = 'ready'")
    assert only().document != "{}"


def test_later_changes_and_a_rebuild_leave_it_as_it_was(release: Release, ana: User) -> None:
    taken = actions.take_snapshot(release, by=ana)
    before = only().document
    Story.objects.update(stage="rodeo_done")
    edit_release(release, by=ana, version="2.0")
    rebuild()
    actions.notice_shipped()
    assert Snapshot.objects.get(pk=taken.pk).document == before


def test_it_outlives_its_release(as_ana: Client, release: Release, ana: User) -> None:
    taken = actions.take_snapshot(release, by=ana)
    Story.objects.update(release=None)
    release.delete()
    page = as_ana.get(taken.get_absolute_url()).content.decode()
    assert "The release was deleted" in page and "Shop 1.0" in page
    assert as_ana.get(f"/api/v1/snapshots/{taken.sha256}/").json()["different_now"] is None


# Different now


def test_what_is_different_now_is_shown(
    as_ana: Client, release: Release, ana: User, payments: Squad, checkout: Any
) -> None:
    taken = actions.take_snapshot(release, by=ana)
    assert (
        "Nothing: gates, stories and what is shipped are the same."
        in as_ana.get(taken.get_absolute_url()).content.decode()
    )
    Story.objects.filter(key="PAY-1").update(stage="tested")
    create_story(payments, by=ana, title="Vouchers", release=release)
    ReleaseContent.objects.update(sha="b" * 40)
    found = as_ana.get(f"/api/v1/snapshots/{taken.sha256}/").json()["different_now"]
    assert {"kind": "story", "name": "PAY-1", "was": "to do", "now": "tested"} in found
    assert {"kind": "story", "name": "PAY-2", "was": "", "now": "to do"} in found
    assert {"kind": "commit", "name": "checkout", "was": SHA, "now": "b" * 40} in found
    page = as_ana.get(taken.get_absolute_url()).content.decode()
    assert "Story PAY-2" in page and "not there" in page


def document(**more: Any) -> dict[str, Any]:
    gates = [{"title": "Stories", "state": "passed", "override": None}]
    return {
        "readiness": {"verdict": "ready", "gates": gates},
        "facts": {"stories": []},
        "contents": {"services": []},
        **more,
    }


def test_a_gate_that_changed_and_one_that_was_overridden_differ() -> None:
    from releases.snapshots.documents import differences

    gates = [
        {"title": "Stories", "state": "failed", "override": {"by": "Lea"}},
        {"title": "Freezes", "state": "passed", "override": None},
    ]
    now = document(readiness={"verdict": "not_ready", "gates": gates})
    assert differences(document(), document()) == []
    assert differences(document(), now) == [
        Difference("verdict", "", "ready", "not ready"),
        Difference("gate", "Stories", "passed", "failed, overridden"),
        Difference("gate", "Freezes", "", "passed"),
    ]


# By hand


def test_people_who_plan_take_one_by_hand(as_ana: Client, as_ria: Client, release: Release) -> None:
    path = f"/releases/{release.slug}/snapshots/take/"
    assert as_ria.post(path, {"note": "Mine"}).status_code == 403
    assert as_ana.post(path, {"note": "Before  the\nfreeze"}).status_code == 302
    snapshot = only()
    assert (snapshot.reason, snapshot.note) == ("by_hand", "Before the freeze")
    assert snapshot.by is not None and json.loads(snapshot.document)["taken"]["by"] == "ana"
    assert "took a snapshot of Shop 1.0" in AuditEntry.objects.get(did__startswith="took").did
    assert as_ana.post(path, {"note": "x" * 301}).status_code == 400
    listed = as_ria.get(f"/releases/{release.slug}/snapshots/").content.decode()
    assert "Before the freeze" in listed and "Take snapshot" not in listed


def test_by_hand_over_the_api(as_ana: Client, as_ria: Client, release: Release) -> None:
    path = f"/api/v1/releases/{release.slug}/snapshots/"
    made = as_ana.post(path, {"note": "By a script"}, content_type="application/json")
    assert made.status_code == 201 and made.json()["sha256"] == only().sha256
    assert as_ria.post(path, {}, content_type="application/json").status_code == 403
    assert [each["note"] for each in as_ria.get(path).json()["results"]] == ["By a script"]
    assert as_ria.get(f"/api/v1/snapshots/{only().sha256}/").json()["document"]["format"] == "rodeo-release-snapshot"


def test_there_are_no_more_by_hand_than_anybody_reads(
    as_ana: Client, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MOST_BY_HAND", 1)
    path = f"/releases/{release.slug}/snapshots/take/"
    assert as_ana.post(path).status_code == 302
    assert as_ana.post(path).status_code == 400 and Snapshot.objects.count() == 1


def test_the_list_takes_as_many_queries_for_many_as_for_one(as_ana: Client, release: Release, ana: User) -> None:
    counts = []
    for number in range(6):
        actions.take_snapshot(release, by=ana, note=str(number))
        if number in (0, 5):
            with CaptureQueriesContext(connection) as queries:
                as_ana.get(f"/releases/{release.slug}/snapshots/")
            counts.append(len(queries))
    assert counts[0] == counts[1]


def test_texts_in_any_script_keep_their_digest(release: Release, ana: User, payments: Squad, as_ana: Client) -> None:
    create_story(payments, by=ana, title="Überweisung 送金 🚀", release=release)
    taken = actions.take_snapshot(release, by=ana, note="für später ✓")
    assert hashlib.sha256(as_ana.get(f"/snapshots/{taken.sha256}/document/").content).hexdigest() == taken.sha256


@pytest.mark.parametrize("sha256", ["0" * 64, "x", "é"])
def test_what_is_no_snapshot_is_not_found(as_ana: Client, sha256: str) -> None:
    assert as_ana.get(f"/snapshots/{sha256}/").status_code == 404
    assert as_ana.get(f"/api/v1/snapshots/{sha256}/").status_code == 404
