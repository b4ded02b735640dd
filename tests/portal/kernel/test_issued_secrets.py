"""Links, feeds and tokens: each secret is shown once, kept as a digest, noted when used, and revoked for good."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError

from portal.accounts.models import User
from portal.kernel import clock, issued_secrets
from portal.kernel.issued_secrets import IssuedSecret
from portal.kernel.models import AuditEntry, StateChange
from releases.deployment_checks.actions import create_token
from releases.freezes.actions import open_feed
from releases.models import CalendarAddress, CheckToken, FreezeFeed, ReleaseLink
from releases.planning.actions import create_release
from releases.release_calendar.actions import add_address
from releases.sharing.actions import share
from squads.models import FeedAddress, Service
from squads.retrospective_feeds.actions import add_address as add_feed_address

Issue = Callable[[], str]
KINDS: list[type[IssuedSecret]] = [CheckToken, ReleaseLink, CalendarAddress, FreezeFeed, FeedAddress]
NOON = clock.now().replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[IssuedSecret]:
    return request.param


@pytest.fixture
def secret(kind: type[IssuedSecret], lea: User, checkout: Service) -> str:
    issue: dict[type[IssuedSecret], Issue] = {
        CheckToken: lambda: create_token(checkout, by=lea, name="CI", days=7)[1],
        ReleaseLink: lambda: share(create_release(by=lea, version="1.0"), by=lea, days=7)[1],
        CalendarAddress: lambda: add_address(by=lea)[1],
        FeedAddress: lambda: add_feed_address(by=lea)[1],
        FreezeFeed: lambda: open_feed(by=lea),
    }
    return issue[kind]()


def behind(kind: Any, secret: str) -> IssuedSecret | None:
    found: IssuedSecret | None = kind.objects.behind(secret)
    return found


def test_only_its_digest_and_how_it_begins_are_kept(kind: Any, secret: str) -> None:
    row = kind.objects.get()
    assert secret.startswith(kind.PREFIX) and row.start == secret[:12] and behind(kind, secret) == row
    kept = " ".join(str(value) for value in kind.objects.values_list()[0])
    assert secret not in kept and secret[12:] not in kept
    assert behind(kind, secret + "x") is None and behind(kind, "") is None


def test_it_is_revoked_once_and_for_good(kind: Any, secret: str, lea: User) -> None:
    row = kind.objects.get()
    row.revoke(by=lea)
    row.revoke(by=lea)
    assert behind(kind, secret) is None and kind.objects.get().revoked_at
    history = StateChange.objects.filter(kind=kind.KIND).order_by("pk").values_list("from_state", "to_state", "by")
    assert list(history) == [("", "open", lea.pk), ("open", "revoked", lea.pk)]
    entries = list(AuditEntry.objects.filter(did__contains=row.start).order_by("pk").values_list("did", flat=True))
    assert [each.split()[0] for each in entries] == ["created", "revoked"] and secret not in " ".join(entries)


def test_its_use_is_noted_once_in_a_while(kind: Any, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes, noted in ((0, 0), (0.5, 0), (60, 60)):
        now = NOON + timedelta(minutes=minutes)
        monkeypatch.setattr(clock, "now", lambda now=now: now)
        kind.objects.get().note_use()
        assert kind.objects.get().last_used_at == NOON + timedelta(minutes=noted)


def test_an_answer_does_not_wait_for_its_use_to_be_noted(
    kind: Any, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked() -> None:
        raise DatabaseError("database is locked")

    monkeypatch.setattr(issued_secrets, "waiting_briefly", locked)
    kind.objects.get().note_use()
    assert kind.objects.get().last_used_at is None


@pytest.mark.parametrize("kind", [CheckToken, ReleaseLink], ids=lambda kind: kind.__name__)
def test_one_that_expired_opens_nothing(kind: Any, secret: str) -> None:
    kind.objects.update(expires_at=clock.now())
    assert behind(kind, secret) is None


def test_a_new_address_of_the_freezes_takes_the_place_of_the_old(lea: User) -> None:
    first, second = open_feed(by=lea), open_feed(by=lea)
    assert behind(FreezeFeed, first) is None and behind(FreezeFeed, second) == FreezeFeed.objects.get()
    history = StateChange.objects.filter(kind=FreezeFeed.KIND).order_by("pk").values_list("to_state", flat=True)
    assert list(history) == ["open", "revoked", "open"]
