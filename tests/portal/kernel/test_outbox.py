"""A row first, then a task: news is neither lost nor told twice."""

from collections.abc import Iterator

import pytest
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from portal.kernel import outbox
from portal.kernel.models import Message
from portal.kernel.tasks import drain
from portal.kernel.wake import wake


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, object]]]:
    """What the one subscriber to "tested" has heard."""
    heard: list[dict[str, object]] = []
    monkeypatch.setattr(outbox, "SUBSCRIPTIONS", {"tested": [heard.append]})
    yield heard


@pytest.mark.django_db
def test_news_reaches_its_subscriber_once(heard: list[dict[str, object]]) -> None:
    outbox.publish("tested", key="PAY-1")
    assert outbox.deliver() == 1
    assert outbox.deliver() == 0
    assert heard == [{"key": "PAY-1"}]


@pytest.mark.django_db
def test_news_nobody_listens_to_is_done_with(heard: list[dict[str, object]]) -> None:
    outbox.publish("unheard")
    outbox.deliver()
    assert Message.objects.get().handled_at is not None


@pytest.mark.django_db
def test_news_of_a_transaction_that_failed_never_happened(heard: list[dict[str, object]]) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        outbox.publish("tested")
        raise RuntimeError
    outbox.deliver()
    assert heard == []


@pytest.mark.django_db
def test_the_worker_is_woken_after_the_commit_and_not_before(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        outbox.publish("tested")
    assert callbacks == [wake]


@pytest.mark.django_db
def test_a_subscriber_that_fails_is_asked_again_and_its_error_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def fails_twice(payload: dict[str, object]) -> None:
        calls.append(1)
        if len(calls) < 3:
            raise ValueError("not yet")

    monkeypatch.setattr(outbox, "SUBSCRIPTIONS", {"tested": [fails_twice]})
    outbox.publish("tested")
    outbox.deliver()
    message = Message.objects.get()
    assert (message.attempts, message.error, message.handled_at) == (1, "ValueError: not yet", None)
    outbox.deliver()
    outbox.deliver()
    message.refresh_from_db()
    assert message.handled_at is not None
    assert message.error == ""


@pytest.mark.django_db
def test_what_a_failing_subscriber_wrote_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    def writes_then_fails(payload: dict[str, object]) -> None:
        Message.objects.create(topic="half")
        raise ValueError("half way")

    monkeypatch.setattr(outbox, "SUBSCRIPTIONS", {"tested": [writes_then_fails]})
    outbox.publish("tested")
    outbox.deliver()
    assert list(Message.objects.values_list("topic", flat=True)) == ["tested"]


@pytest.mark.django_db
def test_after_ten_failures_it_waits_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def fails(payload: dict[str, object]) -> None:
        calls.append(1)
        raise ValueError

    monkeypatch.setattr(outbox, "SUBSCRIPTIONS", {"tested": [fails]})
    outbox.publish("tested")
    for _ in range(12):
        outbox.deliver()
    assert len(calls) == outbox.MOST_ATTEMPTS


@pytest.mark.django_db
def test_the_task_works_off_what_waits(heard: list[dict[str, object]]) -> None:
    outbox.publish("tested", key="PAY-2")
    drain()
    assert heard == [{"key": "PAY-2"}]
