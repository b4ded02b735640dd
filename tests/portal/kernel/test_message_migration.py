"""Messages that wait while the portal is updated are delivered afterwards."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from portal.kernel import clock
from portal.kernel.models import Message

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE = [("portal", "0005_known_names")]


def migrate(targets: list[tuple[str, str]]) -> Any:
    """Bring the tables to these migrations; return the models as they were then."""
    executor = MigrationExecutor(connection)
    executor.migrate(targets)
    return executor.loader.project_state(targets).apps


@pytest.fixture
def messages_before() -> Iterator[Any]:
    """The model of messages of the version before, on its table."""
    # Of all apps: those of others that need the newer tables were undone with them.
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    try:
        yield migrate(BEFORE).get_model("portal", "Message")
    finally:
        migrate(latest)


def test_what_waited_is_due_and_what_was_given_up_is_dead(messages_before: Any) -> None:
    before = clock.now()
    messages_before.objects.create(topic="waiting", payload={"id": 1})
    messages_before.objects.create(topic="failing", attempts=3, error="ValueError: not yet")
    messages_before.objects.create(topic="given.up", attempts=10, error="ValueError: no")
    messages_before.objects.create(topic="done", attempts=10, handled_at=timezone.now())
    migrate([target for target in MigrationExecutor(connection).loader.graph.leaf_nodes() if target[0] == "portal"])
    assert set(Message.objects.due(clock.now()).values_list("topic", flat=True)) == {"waiting", "failing"}
    dead = Message.objects.dead().get()
    assert (dead.topic, dead.error, dead.failed_at) == ("given.up", "ValueError: no", dead.created_at)
    assert dead.dead_at is not None and dead.dead_at >= before.replace(microsecond=0)
    assert Message.objects.get(topic="done").state == "delivered"
