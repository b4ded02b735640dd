"""Messages that wait while the portal is updated are delivered afterwards."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from portal.kernel import clock
from portal.kernel.models import Message

pytestmark = pytest.mark.django_db
migration = import_module("portal.migrations.0006_message_delays_and_dead_messages")


def test_what_waited_is_due_and_what_was_given_up_is_dead() -> None:
    before = clock.now()
    # As the columns that are new stand when the migration looks at them.
    Message.objects.create(topic="waiting", payload={"id": 1})
    Message.objects.create(topic="failing", attempts=3, error="ValueError: not yet")
    Message.objects.create(topic="given.up", attempts=10, error="ValueError: no")
    Message.objects.create(topic="done", attempts=10, handled_at=timezone.now())
    migration.given_up_is_dead(apps, connection.schema_editor())
    assert set(Message.objects.due(clock.now()).values_list("topic", flat=True)) == {"waiting", "failing"}
    dead = Message.objects.dead().get()
    assert (dead.topic, dead.error, dead.failed_at) == ("given.up", "ValueError: no", dead.created_at)
    assert dead.dead_at is not None and dead.dead_at >= before.replace(microsecond=0)
    assert Message.objects.get(topic="done").state == "delivered"
