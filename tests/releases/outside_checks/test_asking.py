"""An outside check is asked over HTTP; what isn't an answer is neither yes nor no."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import AuditEntry
from releases.outside_checks import actions, tasks
from releases.outside_checks.models import OutsideAnswer, OutsideCheck
from releases.planning.actions import create_release
from releases.planning.models import Release
from squads.models import Squad
from squads.stories.actions import create_story
from tests.doubles.serving import Asked, Double, Reply

pytestmark = pytest.mark.django_db
NOW = datetime.fromisoformat("2026-03-02T09:00:00Z")


class Board(Double):
    """A change board: it says what `says` is, to whoever knows the token."""

    says: Reply = Reply({"result": {"status": "approved", "open": False}})

    def answer(self, asked: Asked) -> Reply:
        """Answer."""
        return self.says


@pytest.fixture
def board(settings: Any) -> Iterator[Board]:
    settings.RODEO_INTERNAL_HOSTS = ["127.0.0.1"]
    double = Board()
    yield double
    double.close()


@pytest.fixture
def release(pam: User) -> Release:
    return create_release(by=pam, version="1.0", line="Shop")


def check(by: User, url: str, release: Release | None = None, **said: str) -> OutsideCheck:
    return actions.add_check(by=by, name="Board", url=url, release=release, **said)


def asked(release: Release) -> OutsideAnswer:
    """Have the worker's part done, and return what is known then."""
    for pk in actions.note_due():
        actions.ask(pk)
    return OutsideAnswer.objects.get(release=release)


def test_a_check_is_asked_about_the_release_with_its_secret(board: Board, release: Release, pam: User) -> None:
    check(pam, f"{board.url}/{{line}}/{{version}}?of={{slug}}", release, header="X-Token", secret="s3cret-of-the-board")
    found = asked(release)
    assert (found.outcome, found.detail) == ("success", "It said yes, with status 200.")
    assert (board.asked[0].path, board.asked[0].params) == ("/Shop/1.0", {"of": "shop-1.0"})
    assert board.asked[0].headers["x-token"] == "s3cret-of-the-board"


def test_the_secret_is_encrypted_and_shown_nowhere(board: Board, release: Release, pam: User, as_pam: Client) -> None:
    made = check(pam, board.url, release, header="X-Token", secret="s3cret-of-the-board")
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM releases_outsidecheck")
        assert "s3cret" not in cursor.fetchone()[0]
    shown = as_pam.get("/outside-checks/", {"release": release.slug}).content.decode()
    told = as_pam.get("/api/v1/outside-checks/").content.decode()
    assert "X-Token" in shown and "s3cret" not in shown + told
    actions.remove_check(made, by=pam)
    made.refresh_from_db()
    assert made.secret == "" and not AuditEntry.objects.filter(did__contains="s3cret").exists()


@pytest.mark.parametrize(
    ("says", "path", "expected", "outcome", "detail"),
    [
        (
            Reply({"result": {"status": "approved"}}),
            "result.status",
            "approved",
            "success",
            "result.status is approved.",
        ),
        (
            Reply({"result": {"status": "open"}}),
            "result.status",
            "approved",
            "failure",
            "result.status is open, and must be approved.",
        ),
        (Reply({"open": [True]}), "open.0", "true", "success", "open.0 is true."),
        (Reply({}), "result.status", "approved", "", "Its answer has no result.status."),
        (Reply(b"<p>fine</p>"), "result.status", "approved", "", "Its answer isn’t JSON."),
        (Reply({}, 404), "", "", "failure", "It said no, with status 404."),
        (Reply({}, 503), "", "", "", "It answered with status 503, which is neither yes nor no."),
        (Reply({}, 401), "", "", "", "It answered with status 401, which is neither yes nor no."),
    ],
)
def test_what_an_answer_means(
    board: Board, release: Release, pam: User, says: Reply, path: str, expected: str, outcome: str, detail: str
) -> None:
    board.says = says
    check(pam, board.url, release, path=path, expected=expected)
    found = asked(release)
    assert (found.outcome, found.detail) == (outcome, detail)


def test_no_answer_is_unknown_and_never_yes(board: Board, release: Release, pam: User) -> None:
    check(pam, board.url, release)
    board.says = Reply({"ok": True}, cut=True)
    assert asked(release).outcome == ""
    board.says = Reply({}, 302, {"Location": "https://elsewhere.example.org/"})
    actions.want(release)
    found = asked(release)
    assert found.outcome == "" and "leads to https://elsewhere.example.org/" in found.detail
    board.close()
    actions.want(release)
    assert asked(release).outcome == ""


def test_an_address_inside_the_network_has_to_be_allowed(
    board: Board, release: Release, pam: User, settings: Any
) -> None:
    settings.RODEO_INTERNAL_HOSTS = []
    check(pam, board.url, release)
    found = asked(release)
    assert found.outcome == "" and "/sources/hosts/" in found.detail
    assert board.asked == []


def test_since_is_kept_while_it_says_the_same(
    board: Board, release: Release, pam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    check(pam, board.url, release)
    asked(release)
    assert actions.note_due() == []
    later = NOW + timedelta(minutes=6)
    monkeypatch.setattr(clock, "now", lambda: later)
    found = asked(release)
    assert (found.at, found.since) == (later, NOW)
    board.says = Reply({}, 404)
    actions.want(release)
    assert asked(release).since == later


def test_an_answer_is_asked_for_once_at_a_time(board: Board, release: Release, pam: User) -> None:
    check(pam, board.url, release)
    [pk] = actions.note_due()
    OutsideAnswer.objects.update(leased_until=clock.now() + timedelta(minutes=1))
    assert not actions.ask(pk) and actions.note_due() == []
    OutsideAnswer.objects.update(leased_until=clock.now() - timedelta(minutes=1))
    tasks.ask(pk=pk)
    tasks.ask(pk=pk)
    assert len(board.asked) == 1


def test_an_answer_that_comes_after_a_newer_one_is_dropped(
    board: Board, release: Release, pam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(pam, board.url, release)
    [pk] = actions.note_due()
    answer = actions.answer_of

    def slow(of: OutsideCheck, about: Release) -> actions.Said:
        """Take so long that somebody else asks meanwhile, and is told something newer."""
        said = answer(of, about)
        monkeypatch.setattr(actions, "answer_of", answer)
        OutsideAnswer.objects.update(leased_until=clock.now() - timedelta(seconds=1))
        board.says = Reply({}, 404)
        assert actions.ask(pk)
        return said

    monkeypatch.setattr(actions, "answer_of", slow)
    assert not actions.ask(pk)
    assert OutsideAnswer.objects.get().outcome == "failure"


def test_since_begins_anew_with_what_the_release_ships(
    board: Board, release: Release, pam: User, payments: Squad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    check(pam, board.url, release)
    before = asked(release)
    create_story(payments, by=pam, title="Late", release=release)
    later = NOW + timedelta(minutes=6)
    monkeypatch.setattr(clock, "now", lambda: later)
    after = asked(release)
    assert (after.outcome, after.since) == ("success", later)
    assert after.content != before.content


def test_a_check_of_a_line_is_asked_about_its_open_releases(board: Board, release: Release, pam: User) -> None:
    create_release(by=pam, version="9.0", line="Elsewhere")
    create_release(by=pam, version="0.9", line="Shop", released_at=clock.now())
    check(pam, board.url, line="Shop")
    assert asked(release).outcome == "success"
    assert len(board.asked) == 1


def test_a_release_that_has_a_tag_and_is_not_out_is_asked_about(board: Board, release: Release, pam: User) -> None:
    at = clock.now() - timedelta(days=1)
    Release.objects.filter(pk=release.pk).update(tagged_at=at, released_at=at)
    check(pam, board.url, line="Shop")
    assert asked(release).outcome == "success"


def test_somebody_presses_check_now(board: Board, release: Release, pam: User, as_ana: Client) -> None:
    check(pam, board.url, release)
    asked(release)
    assert as_ana.post(f"/releases/{release.slug}/outside-checks/ask/").status_code == 302
    asked(release)
    assert as_ana.post(f"/api/v1/releases/{release.slug}/outside-checks/ask/").status_code == 202
    asked(release)
    assert len(board.asked) == 3


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"url": "ftp://x"}, "url"),
        ({"path": "a"}, "expected"),
        ({"expected": "a"}, "path"),
        ({"secret": "a"}, "header"),
        ({"header": "X-A"}, "secret"),
        ({"name": " "}, "name"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(pam: User, said: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationError) as raised:
        actions.add_check(by=pam, **{"name": "Board", "url": "https://board.example.org/", **said})  # type: ignore[arg-type]
    assert field in raised.value.message_dict


def test_only_project_managers_and_administrators_say_whom_to_ask(ana: User, pam: User) -> None:
    check(pam, "https://board.example.org/")
    with pytest.raises(ValidationError, match="already a check Board"):
        check(pam, "https://board.example.org/")
    with pytest.raises(PermissionDenied):
        check(ana, "https://board.example.org/2")


def test_releases_that_are_not_asked_about_by_themselves_are_counted_and_say_so(
    release: Release, pam: User, as_ria: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MOST_RELEASES", 2)
    check(pam, "https://change.example.org/")

    def pages() -> list[str]:
        asked = [{}, {"release": release.slug}]
        return [as_ria.get("/outside-checks/", each).content.decode() for each in asked]

    soon = clock.now().date() + timedelta(days=3)
    create_release(by=pam, version="1.1", line="Shop", planned_for=soon)
    assert not any("The next" in page for page in pages())
    create_release(by=pam, version="0.9", line="Shop", planned_for=soon)
    of_all, of_one = pages()
    assert "The next 2 of 3 open releases by target date are asked about" in of_all
    assert "isn’t among the next 2 of 3 open releases by target date" in of_one
    actions.note_due()
    assert not OutsideAnswer.objects.filter(release=release).exists()
