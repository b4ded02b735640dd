"""One bad item of a sweep stops none of the others; an outage stops them all, until the next sweep."""

from typing import Any

import pytest
from django.db import OperationalError

from portal.kernel import clock, tasks
from portal.kernel.models import AuditEntry
from portal.kernel.outages import at_once_or_apart, each_apart

pytestmark = pytest.mark.django_db


def keep(name: str) -> None:
    AuditEntry.objects.create(at=clock.now(), did=name, kind="test", key=name)
    if name == "bad":
        raise ValueError(name)


def kept() -> list[str]:
    return sorted(AuditEntry.objects.filter(kind="test").values_list("did", flat=True))


def test_what_fails_is_undone_logged_and_returned_and_the_others_are_done(caplog: pytest.LogCaptureFixture) -> None:
    [(item, error)] = each_apart("keeping", ["a", "bad", "b"], keep)
    assert (item, type(error), kept()) == ("bad", ValueError, ["a", "b"])
    assert "keeping bad failed, and everything else goes on" in caplog.text


def test_what_fails_together_is_done_apart() -> None:
    tried: list[list[str]] = []

    def keep_all(names: Any) -> None:
        tried.append(list(names))
        for name in names:
            keep(name)

    assert at_once_or_apart("keeping", ["a", "b"], keep_all) == []
    [(item, _)] = at_once_or_apart("keeping", ["bad", "c"], keep_all)
    assert (item, kept(), tried) == ("bad", ["a", "b", "c"], [["a", "b"], ["bad", "c"], ["bad"], ["c"]])


def test_an_outage_is_left_to_the_next_sweep() -> None:
    def away(_: Any) -> None:
        raise OperationalError("the server closed the connection")

    with pytest.raises(OperationalError):
        each_apart("keeping", ["a"], away)
    with pytest.raises(OperationalError):
        at_once_or_apart("keeping", ["a"], away)


def test_an_inbox_that_cannot_be_read_keeps_no_message_from_being_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> int:
        raise ValueError

    delivered: list[str] = []
    monkeypatch.setattr(tasks, "DRAINS", [broken, lambda: delivered.append("a message")])
    tasks.drain()
    assert delivered == ["a message"]
