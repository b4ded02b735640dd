"""A row first, then a task: news is neither lost nor told twice, and what fails waits for its turn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
import redis
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerAway
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from portal.accounts.models import User
from portal.kernel import clock, outbox
from portal.kernel.events import AboutSome, Event
from portal.kernel.models import Message, StateChange
from portal.kernel.tasks import drain
from portal.kernel.transitions import AlreadyMoved
from portal.kernel.wake import wake

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, kw_only=True)
class Happened(Event):
    """Something happened."""

    topic: ClassVar[str] = "happened"
    key: str = ""


@dataclass(frozen=True, kw_only=True)
class Unheard(Event):
    """Something that nobody subscribes to."""

    topic: ClassVar[str] = "unheard"


@dataclass(frozen=True, kw_only=True)
class Saved(AboutSome):
    """Some things were saved."""

    topic: ClassVar[str] = "saved"
    ids: Sequence[int]


class Clock:
    """The present, as the portal sees it: it stands until it is moved."""

    def __init__(self) -> None:
        self.at = timezone.now()

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **length: float) -> None:
        self.at += timedelta(**length)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the portal, to be moved by the test."""
    moved = Clock()
    monkeypatch.setattr(clock, "now", moved)
    return moved


Subscribe = Callable[..., None]


@pytest.fixture
def subscribe(monkeypatch: pytest.MonkeyPatch) -> Subscribe:
    """Subscribe handlers to a class; nothing else is subscribed to."""
    monkeypatch.setattr(outbox, "SUBSCRIPTIONS", {})
    outbox.register(Happened)
    outbox.register(Unheard)

    def add(event: type[Event], *handlers: Callable[[Any], None]) -> None:
        for each in handlers:
            outbox.subscribe(event, each)

    return add


@pytest.fixture
def heard(subscribe: Subscribe) -> list[Happened]:
    """What the one subscriber has heard."""
    heard: list[Happened] = []
    subscribe(Happened, heard.append)
    return heard


def raising(error: Exception) -> Callable[[Event], None]:
    """Return a handler that raises this."""

    def fails(event: Event) -> None:
        raise error

    return fails


def message(topic: str = "happened") -> Message:
    return Message.objects.get(topic=topic)


# Delivering


def test_news_reaches_its_subscriber_once(heard: list[Happened]) -> None:
    outbox.publish(Happened(key="PAY-1"))
    assert outbox.deliver() == 1
    assert outbox.deliver() == 0
    assert heard == [Happened(key="PAY-1")]
    assert message().payload == {"key": "PAY-1"}


def test_news_nobody_listens_to_is_done_with(heard: list[Happened]) -> None:
    outbox.publish(Unheard())
    outbox.deliver()
    assert message("unheard").state == "delivered"


def test_news_of_a_transaction_that_failed_never_happened(heard: list[Happened]) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        outbox.publish(Happened())
        raise RuntimeError
    outbox.deliver()
    assert heard == []


def test_the_worker_is_woken_after_the_commit_and_not_before(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        outbox.publish(Happened())
    assert callbacks == [wake]


def test_the_task_works_off_what_waits(heard: list[Happened]) -> None:
    outbox.publish(Happened(key="PAY-2"))
    drain()
    assert heard == [Happened(key="PAY-2")]


def test_the_oldest_is_delivered_first(heard: list[Happened], time: Clock) -> None:
    for key in ("PAY-1", "PAY-2", "PAY-3"):
        outbox.publish(Happened(key=key))
    Message.objects.filter(payload__key="PAY-1").update(next_attempt_at=time.at - timedelta(seconds=1))
    outbox.deliver(2)
    outbox.deliver(2)
    assert [each.key for each in heard] == ["PAY-1", "PAY-2", "PAY-3"]


# Failing


def test_a_subscriber_that_fails_is_asked_again_and_its_error_kept(subscribe: Subscribe, time: Clock) -> None:
    calls: list[int] = []

    def fails_twice(event: Event) -> None:
        calls.append(1)
        if len(calls) < 3:
            raise ValueError("not yet")

    subscribe(Happened, fails_twice)
    outbox.publish(Happened())
    outbox.deliver()
    waiting = message()
    assert (waiting.attempts, waiting.error, waiting.handled_at) == (1, "ValueError: not yet", None)
    outbox.deliver()
    assert len(calls) == 1, "it waits before it is tried again"
    time.forward(seconds=30)
    outbox.deliver()
    time.forward(seconds=30)
    outbox.deliver()
    waiting.refresh_from_db()
    assert waiting.handled_at is not None
    assert waiting.error == ""


def test_the_delays_grow_up_to_an_hour_and_no_two_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    delays = [outbox.delay_after(attempts) for attempts in range(1, 40)]
    assert delays[:10] == sorted(delays[:10])
    assert timedelta(seconds=4) <= delays[0] <= timedelta(seconds=6)
    assert all(timedelta(minutes=48) <= each <= timedelta(minutes=72) for each in delays[10:])
    assert len(set(delays)) == len(delays)


def test_what_a_failing_subscriber_wrote_is_undone(subscribe: Subscribe) -> None:
    def writes_then_fails(event: Event) -> None:
        Message.objects.create(topic="half")
        raise ValueError("half way")

    subscribe(Happened, writes_then_fails)
    outbox.publish(Happened())
    outbox.deliver()
    assert list(Message.objects.values_list("topic", flat=True)) == ["happened"]


def test_all_handlers_of_a_message_succeed_or_none_does(subscribe: Subscribe, time: Clock) -> None:
    def writes(event: Event) -> None:
        Message.objects.create(topic="written", handled_at=time.at)

    sick = [True]

    def fails_while_sick(event: Event) -> None:
        if sick:
            raise ValueError("sick")

    subscribe(Happened, writes, fails_while_sick)
    outbox.publish(Happened())
    outbox.deliver()
    assert not Message.objects.filter(topic="written").exists()
    sick.clear()
    time.forward(minutes=1)
    outbox.deliver()
    assert Message.objects.filter(topic="written").count() == 1


def test_a_handler_that_fails_for_an_hour_delivers_once_it_heals(subscribe: Subscribe, time: Clock) -> None:
    began, heard = time.at, []

    def fails_for_an_hour(event: Event) -> None:
        if time.at < began + timedelta(hours=1):
            raise ValueError("still sick")
        heard.append(event)

    subscribe(Happened, fails_for_an_hour)
    outbox.publish(Happened())
    for _ in range(3 * 60):
        outbox.deliver()
        time.forward(minutes=1)
    assert heard == [Happened()]
    assert 5 <= message().attempts <= 15, "it was not tried every minute"
    assert message().state == "delivered"


def test_a_handler_that_fails_for_ever_is_dead_after_a_day(subscribe: Subscribe, time: Clock) -> None:
    calls: list[Event] = []

    def fails(event: Event) -> None:
        calls.append(event)
        raise ValueError("for ever\0")

    subscribe(Happened, fails)
    outbox.publish(Happened())
    began = time.at
    while message().state == "waiting":
        outbox.deliver()
        time.forward(minutes=10)
        assert time.at < began + timedelta(hours=27)
    dead = message()
    assert dead.failed_at == began
    assert dead.dead_at is not None and dead.dead_at >= began + timedelta(hours=24)
    assert dead.error == "ValueError: for ever�"
    tries = len(calls)
    time.forward(days=30)
    outbox.deliver()
    assert len(calls) == tries == dead.attempts, "it is no longer tried by itself"


def test_how_long_it_is_tried_is_a_setting(subscribe: Subscribe, time: Clock, settings: Settings) -> None:
    settings.RODEO_OUTBOX_RETRY_FOR = 600
    subscribe(Happened, raising(ValueError()))
    outbox.publish(Happened())
    outbox.deliver()
    time.forward(seconds=601)
    outbox.deliver()
    assert message().state == "dead"


def test_one_bad_message_keeps_nobody_back(subscribe: Subscribe, time: Clock) -> None:
    heard: list[str] = []

    def fails_for_one(event: Happened) -> None:
        if event.key == "PAY-1":
            raise ValueError("not this one")
        heard.append(event.key)

    subscribe(Happened, fails_for_one)
    for number in range(1, 4):
        outbox.publish(Happened(key=f"PAY-{number}"))
    assert outbox.deliver() == 2
    # Even one at a time: what has just failed is not at the head of those that are due.
    outbox.publish(Happened(key="PAY-4"))
    assert outbox.deliver(1) == 1
    assert heard == ["PAY-2", "PAY-3", "PAY-4"]


# A busy or absent database or broker


def sqlite_error(name: str) -> OperationalError:
    error = OperationalError("near x")
    error.__cause__ = Exception()
    error.__cause__.sqlite_errorname = name  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("server closed the connection"),
        sqlite_error("SQLITE_BUSY"),
        InterfaceError("connection already closed"),
        redis.ConnectionError("refused"),
        redis.TimeoutError("late"),
        BrokerAway("refused"),
    ],
    ids=lambda error: f"{type(error).__module__.split('.')[0]} {error}",
)
def test_a_busy_database_or_broker_spends_no_attempt(subscribe: Subscribe, time: Clock, error: Exception) -> None:
    away = [error]
    heard: list[Event] = []

    def handler(event: Event) -> None:
        if away:
            raise away[0]
        heard.append(event)

    subscribe(Happened, handler)
    outbox.publish(Happened())
    for _ in range(48):
        outbox.deliver()
        time.forward(hours=1)
    waiting = message()
    # The error is kept for whoever wonders why it waits; it counts as no failure.
    assert (waiting.attempts, waiting.failed_at, waiting.state) == (0, None, "waiting")
    assert waiting.error == f"{type(error).__name__}: {error}"
    away.clear()
    outbox.deliver()
    assert heard == [Happened()]


def test_a_message_that_met_a_busy_database_waits_a_little(subscribe: Subscribe, time: Clock) -> None:
    subscribe(Happened, raising(OperationalError("locked")))
    outbox.publish(Happened())
    outbox.deliver()
    due = message().next_attempt_at
    assert due is not None and timedelta(0) < due - time.at < timedelta(minutes=1)
    assert (message().attempts, message().error) == (0, "OperationalError: locked")


def test_an_error_that_no_database_keeps_as_it_is_holds_nobody_up(
    subscribe: Subscribe, time: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "portal.kernel.outbox")
    subscribe(Happened, raising(ValueError("half a character \udc80 and a NUL \0")))
    outbox.publish(Happened())
    assert outbox.deliver() == 0
    assert message().attempts == 1
    assert message().error == "ValueError: half a character ? and a NUL �"


def test_faulty_sql_is_no_busy_database(subscribe: Subscribe) -> None:
    def asks_for_nonsense(event: Event) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nonsense FROM no_such_table")

    subscribe(Happened, asks_for_nonsense)
    outbox.publish(Happened())
    outbox.deliver()
    assert message().attempts == 1


def test_a_handler_that_takes_too_long_has_failed_and_the_task_ends(subscribe: Subscribe) -> None:
    subscribe(Happened, raising(SoftTimeLimitExceeded()))
    outbox.publish(Happened())
    with pytest.raises(SoftTimeLimitExceeded):
        outbox.deliver()
    assert message().attempts == 1


def test_a_message_whose_worker_was_killed_is_delivered_after_the_others(subscribe: Subscribe, time: Clock) -> None:
    class Killed(BaseException):
        """Stands for a process that ends in the middle: nothing behind it runs."""

    heard: list[str] = []
    deadly = ["PAY-1"]

    def handler(event: Happened) -> None:
        Message.objects.create(topic="half", handled_at=time.at)
        if event.key in deadly:
            raise Killed
        heard.append(event.key)

    subscribe(Happened, handler)
    outbox.publish(Happened(key="PAY-1"))
    outbox.publish(Happened(key="PAY-2"))
    with pytest.raises(Killed):
        outbox.deliver()
    assert not Message.objects.filter(topic="half").exists()
    assert outbox.deliver() == 1
    deadly.clear()
    time.forward(seconds=60)
    assert outbox.deliver() == 1
    assert heard == ["PAY-2", "PAY-1"]
    assert Message.objects.filter(topic="half").count() == 2


# Dead messages


@pytest.fixture
def dead(subscribe: Subscribe, time: Clock) -> Message:
    """A message that was given up a day after it first failed."""
    return Message.objects.create(
        topic="happened",
        payload={"key": "PAY-1"},
        attempts=30,
        error="ValueError: no",
        failed_at=time.at - timedelta(days=1),
        dead_at=time.at,
    )


def test_a_dead_message_is_redelivered_once_however_often_it_is_asked_for(
    dead: Message, subscribe: Subscribe, root: User
) -> None:
    heard: list[Happened] = []
    subscribe(Happened, heard.append)
    outbox.redeliver(dead.pk, by=root)
    with pytest.raises(AlreadyMoved, match="is already “waiting”"):
        outbox.redeliver(dead.pk, by=root)
    assert outbox.redeliver_all(by=root) == 0
    assert outbox.deliver() == 1
    with pytest.raises(AlreadyMoved, match="is now “delivered”"):
        outbox.redeliver(dead.pk, by=root)
    assert heard == [Happened(key="PAY-1")]
    (change,) = StateChange.objects.filter(kind="message")
    assert (change.key, change.from_state, change.to_state, change.by) == (f"#{dead.pk}", "dead", "waiting", root)


def test_a_redelivered_message_has_as_much_time_as_a_new_one(
    dead: Message, subscribe: Subscribe, root: User, time: Clock
) -> None:
    subscribe(Happened, raising(ValueError("still")))
    outbox.redeliver(dead.pk, by=root)
    outbox.deliver()
    dead.refresh_from_db()
    assert (dead.state, dead.attempts, dead.failed_at) == ("waiting", 1, time.at)


def test_all_dead_messages_are_redelivered_and_no_others(dead: Message, root: User, time: Clock) -> None:
    Message.objects.create(topic="happened", failed_at=time.at, dead_at=time.at)
    done = Message.objects.create(topic="happened", handled_at=time.at)
    later = Message.objects.create(topic="happened", attempts=1, next_attempt_at=time.at + timedelta(hours=1))
    assert outbox.redeliver_all(by=root) == 2
    assert outbox.deliver() == 2
    done.refresh_from_db()
    later.refresh_from_db()
    assert done.handled_at == time.at
    assert later.attempts == 1
    assert StateChange.objects.get(kind="message").because == "2 dead messages"


# Topics


def test_handlers_get_the_event_and_not_the_stored_text(subscribe: Subscribe) -> None:
    heard: list[Saved] = []
    subscribe(Saved, heard.append)
    outbox.publish(Saved(ids=[1, 2]))
    outbox.deliver()
    assert heard == [Saved(ids=[1, 2])]


def test_a_message_from_another_version_is_read(subscribe: Subscribe) -> None:
    heard: list[Event] = []
    subscribe(Happened, heard.append)
    subscribe(Saved, heard.append)
    Message.objects.create(topic="happened", payload={"key": "PAY-1", "from_the_future": [1]})
    Message.objects.create(topic="happened", payload={})
    Message.objects.create(topic="saved", payload={"id": 7, "key": "PAY-7"})
    outbox.deliver()
    assert heard == [Happened(key="PAY-1"), Happened(), Saved(ids=[7])]


def test_a_message_that_lacks_what_it_must_say_fails_with_a_sentence(subscribe: Subscribe) -> None:
    subscribe(Saved, raising(AssertionError("never called")))
    Message.objects.create(topic="saved", payload={})
    outbox.deliver()
    assert message("saved").error == "UnreadablePayload: A message on saved must say ids; this one does not."


def test_an_unknown_topic_is_kept_and_dies_with_a_sentence(heard: list[Happened], time: Clock) -> None:
    Message.objects.create(topic="hapepned", payload={"key": "PAY-1"})
    outbox.deliver()
    assert message("hapepned").state == "waiting", "a worker that is updated later may know it"
    time.forward(hours=25)
    outbox.deliver()
    dead = message("hapepned")
    assert (dead.state, dead.payload) == ("dead", {"key": "PAY-1"})
    assert (
        dead.error == "UnknownTopic: This version of Rodeo has no topic “hapepned”, so this message can’t be handled."
    )


def test_two_classes_cannot_share_a_topic(heard: list[Happened]) -> None:
    class Other(Event):
        topic: ClassVar[str] = "happened"

    class Nameless(Event):
        pass

    with pytest.raises(TypeError, match="same topic"):
        outbox.register(Other)
    with pytest.raises(TypeError, match="names no topic"):
        outbox.register(Nameless)


def test_a_misspelt_field_is_refused_where_it_is_published() -> None:
    with pytest.raises(TypeError, match="kye"):
        outbox.publish(Happened(kye="PAY-1"))  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        outbox.publish("happened")  # type: ignore[arg-type]
    assert not Message.objects.exists()


# Old messages


def test_delivered_messages_are_pruned_and_no_others(
    time: Clock, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "AT_ONCE", 2)
    settings.RODEO_OUTBOX_KEEP_DAYS = 3
    old, new = time.at - timedelta(days=4), time.at - timedelta(days=2)
    Message.objects.bulk_create(Message(topic="old", handled_at=old) for _ in range(5))
    Message.objects.create(topic="new", handled_at=new)
    Message.objects.create(topic="dead", failed_at=old, dead_at=old)
    waiting = Message.objects.create(topic="waiting")
    Message.objects.filter(pk=waiting.pk).update(created_at=old)
    assert outbox.prune() == 5
    assert set(Message.objects.values_list("topic", flat=True)) == {"new", "dead", "waiting"}
    assert outbox.prune() == 0
