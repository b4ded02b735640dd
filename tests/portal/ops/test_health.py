"""/healthz and /readyz, as a monitor meets them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import OperationalError
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from portal.kernel import clock
from portal.kernel.models import Message
from portal.ops import health, heartbeat
from releases.inbox.actions import store
from releases.inbox.models import Source
from releases.pulling.leases import lease_due


@pytest.fixture
def heartbeats(broker: str) -> Iterator[None]:
    """Worker, puller and scheduler, all just heard of."""
    for name in (heartbeat.WORKER, heartbeat.PULLER, heartbeat.BEAT):
        heartbeat.beat(name)
    yield
    heartbeat.forget(heartbeat.WORKER, heartbeat.PULLER, heartbeat.BEAT)


def test_a_living_process_says_so_without_asking_anybody(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, db: None
) -> None:
    with django_assert_num_queries(0):
        response = client.get("/healthz")
    assert response.json() == {"alive": True}
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_it_is_ready_when_every_part_is_there(client: Client, heartbeats: None) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200, response.json()
    assert response.json()["ready"] is True
    assert set(response.json()["checks"]) == {"database", "secrets", "broker", "worker", "puller", "beat", "backlog"}


@pytest.mark.django_db
@pytest.mark.parametrize("missing", [heartbeat.WORKER, heartbeat.BEAT])
def test_a_process_that_was_never_heard_of_is_named_with_its_remedy(
    client: Client, heartbeats: None, missing: str
) -> None:
    heartbeat.forget(missing)
    response = client.get("/readyz")
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert [name for name, check in checks.items() if not check["ok"]] == [missing]
    assert checks[missing]["detail"] == "no heartbeat"
    assert f"celery -A portal.celery {missing}" in checks[missing]["remedy"]


@pytest.mark.django_db
def test_a_process_that_fell_silent_is_named_with_its_age(
    client: Client, heartbeats: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as past:
        past.setattr("portal.ops.heartbeat.time.time", lambda: 1_700_000_000.0)
        heartbeat.beat(heartbeat.WORKER)
    check = client.get("/readyz").json()["checks"]["worker"]
    assert check["ok"] is False
    assert check["age_seconds"] > 20
    assert check["detail"].startswith("silent for")


@pytest.mark.django_db
def test_without_its_broker_it_is_not_ready_and_says_why(client: Client, settings: Settings) -> None:
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    response = client.get("/readyz")
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert checks["database"]["ok"]
    assert "BROKER_URL" in checks["broker"]["remedy"]
    assert checks["worker"]["detail"].startswith("unknown")


@pytest.mark.django_db
def test_without_its_database_it_is_not_ready_and_tells_no_secrets(
    client: Client, heartbeats: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("password authentication failed for user rodeo at db.example.org")

    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", away)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["database"]["ok"] is False
    assert "db.example.org" not in response.content.decode()


@pytest.mark.django_db
def test_a_secret_whose_key_is_gone_is_said(client: Client, heartbeats: None, settings: Settings) -> None:
    Source.objects.create(key="ci", name="CI", kind="cdevents", secret="hush")
    assert client.get("/readyz").status_code == 200
    settings.RODEO_FIELD_KEYS = [Fernet.generate_key().decode()]
    response = client.get("/readyz")
    assert response.status_code == 503
    check = response.json()["checks"]["secrets"]
    assert check["detail"] == "a source's secret can’t be read"
    assert "RODEO_FIELD_KEYS" in check["remedy"]


@pytest.mark.django_db
def test_tables_of_another_version_are_not_ready(
    client: Client, heartbeats: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_migrated", set())
    monkeypatch.setattr("portal.ops.health.MigrationExecutor.migration_plan", lambda *_: ["one", "two"])
    check = client.get("/readyz").json()["checks"]["database"]
    assert check == {"ok": False, "detail": "2 migrations aren’t applied", "remedy": "Run `manage.py migrate`."}


def lag(client: Client) -> float:
    lines = client.get("/metrics").content.decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith("rodeo_pull_lag_seconds "))


@pytest.mark.django_db
def test_what_waits_is_measured_without_a_name(client: Client, heartbeats: None) -> None:
    source = Source.objects.create(
        key="secret-name",
        name="Secret name",
        kind="gitlab",
        config={"url": "https://git.example.org"},
        next_pull_at=clock.now() - timedelta(seconds=90),
    )
    store(source, delivery="1", kind="note", body=b"{}", at=clock.now() - timedelta(seconds=45))
    said = client.get("/metrics")
    assert said["Content-Type"].startswith("text/plain")
    lines = dict(line.rsplit(" ", 1) for line in said.content.decode().splitlines() if not line.startswith("#"))
    assert float(lines['rodeo_inbox_events{state="pending"}']) == 1
    assert 45 <= float(lines["rodeo_inbox_oldest_pending_seconds"]) < 200
    assert 90 <= float(lines["rodeo_pull_lag_seconds"]) < 300
    assert float(lines['rodeo_sources{state="active"}']) == 1
    assert {'rodeo_queue_tasks{queue="celery"}', 'rodeo_heartbeat_age_seconds{process="puller"}'} <= lines.keys()
    assert "secret" not in said.content.decode().lower()
    # Claimed, and nobody took it: the workers may all be away.
    assert lease_due() != []
    assert 90 <= lag(client) < 300
    Source.objects.update(progress={"step": "checking for news"})
    assert lag(client) == 0
    Source.objects.update(leased_until=clock.now() - timedelta(seconds=1))
    assert lag(client) >= 90, "whoever read it was killed"
    detail = client.get("/readyz").json()["checks"]["backlog"]["detail"]
    assert detail.startswith("1 event to read")


@pytest.mark.django_db
def test_a_broker_that_is_away_makes_no_page_of_errors(client: Client, settings: Settings) -> None:
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    assert client.get("/metrics").status_code == 503


def measures(client: Client) -> dict[str, float]:
    lines = client.get("/metrics").content.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


@pytest.mark.django_db
def test_dead_messages_are_told_apart_from_waiting_ones_and_leave_the_portal_ready(
    client: Client, heartbeats: None
) -> None:
    now = clock.now()
    assert client.get("/readyz").json()["checks"]["backlog"]["detail"].split("; ")[1] == "0 messages to deliver"
    Message.objects.create(topic="story.edited", handled_at=now)
    for minutes in (1, 5):
        waiting = Message.objects.create(topic="story.edited")
        Message.objects.filter(pk=waiting.pk).update(created_at=now - timedelta(minutes=minutes))
    for _ in range(3):
        dead = Message.objects.create(topic="story.edited", failed_at=now, dead_at=now)
        Message.objects.filter(pk=dead.pk).update(created_at=now - timedelta(days=9))
    said = measures(client)
    assert (said["rodeo_outbox_messages"], said["rodeo_outbox_dead_messages"]) == (2, 3)
    assert 300 <= said["rodeo_outbox_oldest_waiting_seconds"] < 3600
    answer = client.get("/readyz")
    assert answer.status_code == 200
    detail = answer.json()["checks"]["backlog"]["detail"]
    assert "; 2 messages to deliver, the oldest for 3" in detail
    assert "; 3 dead (an administrator can redeliver them); " in detail
