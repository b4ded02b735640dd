"""/healthz, /readyz and /status, as a monitor meets them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from cryptography.fernet import Fernet
from django.core.mail import EmailMessage
from django.db import OperationalError
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from portal.celery import app
from portal.kernel import clock
from portal.kernel.mail import send_soon
from portal.kernel.models import Mail, Message
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
    response = client.get("/status")
    assert response.status_code == 200, response.json()
    assert response.json()["ok"] is True
    parts = {"database", "secrets", "broker", "worker", "puller", "scheduler", "disk", "backlog", "messages", "mails"}
    assert set(response.json()["checks"]) == parts
    response = client.get("/readyz")
    assert (response.status_code, response.json()["ready"]) == (200, True)
    assert set(response.json()["checks"]) == {"database", "secrets"}


@pytest.mark.django_db
@pytest.mark.parametrize("missing", [heartbeat.WORKER, heartbeat.BEAT])
def test_a_process_that_was_never_heard_of_is_named_with_its_remedy(
    client: Client, heartbeats: None, missing: str
) -> None:
    heartbeat.forget(missing)
    response = client.get("/status")
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert [name for name, check in checks.items() if not check["ok"]] == [missing]
    assert checks[missing]["detail"] == "no heartbeat"
    command = {heartbeat.WORKER: "worker", heartbeat.BEAT: "beat"}[missing]
    assert f"celery -A portal.celery {command}" in checks[missing]["remedy"]


@pytest.mark.django_db
def test_a_process_that_fell_silent_is_named_with_its_age(
    client: Client, heartbeats: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as past:
        past.setattr("portal.ops.heartbeat.time.time", lambda: 1_700_000_000.0)
        heartbeat.beat(heartbeat.WORKER)
    check = client.get("/status").json()["checks"]["worker"]
    assert check["ok"] is False
    assert check["age_seconds"] > 20
    assert check["detail"].startswith("silent for")


@pytest.mark.django_db
def test_without_its_broker_people_are_served_and_somebody_must_look(client: Client, settings: Settings) -> None:
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    assert client.get("/readyz").status_code == 200
    response = client.get("/status")
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
    for address in ("/readyz", "/status"):
        response = client.get(address)
        assert response.status_code == 503
        assert response.json()["checks"]["database"]["ok"] is False
        assert "db.example.org" not in response.content.decode()


@pytest.mark.django_db
def test_a_secret_whose_key_is_gone_is_said(client: Client, heartbeats: None, settings: Settings) -> None:
    Source.objects.create(key="ci", name="CI", kind="cdevents", secret="hush")
    assert client.get("/status").status_code == 200
    send_soon(EmailMessage("Hello", "x", to=["ana@example.org"]))
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
    detail = client.get("/status").json()["checks"]["backlog"]["detail"]
    assert detail.startswith("1 unread event, the oldest for")


@pytest.mark.django_db
def test_a_broker_that_is_away_makes_no_page_of_errors(client: Client, settings: Settings) -> None:
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    assert client.get("/metrics").status_code == 503


def measures(client: Client) -> dict[str, float]:
    lines = client.get("/metrics").content.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def parts(client: Client, *failing: str) -> dict[str, str]:
    """What /status says of each part, when these and no others fail."""
    answer = client.get("/status")
    checks = answer.json()["checks"]
    assert sorted(name for name, check in checks.items() if not check["ok"]) == sorted(failing)
    assert answer.status_code == (503 if failing else 200)
    assert client.get("/readyz").status_code == 200, "people are served all the same"
    return {name: check["detail"] for name, check in checks.items()}


@pytest.mark.django_db
def test_dead_messages_are_told_apart_from_waiting_ones_and_somebody_must_look(
    client: Client, heartbeats: None
) -> None:
    now = clock.now()
    assert parts(client)["messages"] == "0 waiting messages"
    Message.objects.create(topic="story.edited", handled_at=now)
    for minutes in (1, 5):
        waiting = Message.objects.create(topic="story.edited")
        Message.objects.filter(pk=waiting.pk).update(created_at=now - timedelta(minutes=minutes))
    assert parts(client)["messages"] == "2 waiting messages, the oldest for 5 minutes"
    for _ in range(3):
        dead = Message.objects.create(topic="story.edited", failed_at=now, dead_at=now)
        Message.objects.filter(pk=dead.pk).update(created_at=now - timedelta(days=9))
    said = measures(client)
    assert (said["rodeo_outbox_messages"], said["rodeo_outbox_dead_messages"]) == (2, 3)
    assert 300 <= said["rodeo_outbox_oldest_waiting_seconds"] < 3600
    assert parts(client, "messages")["messages"] == "2 waiting messages, the oldest for 5 minutes; 3 dead"


@pytest.mark.django_db
def test_mails_that_failed_or_wait_too_long_need_somebody(client: Client, heartbeats: None) -> None:
    mail = send_soon(EmailMessage("Hello", "x", to=["ana@example.org"]))
    assert parts(client)["mails"] == "1 waiting mail, the oldest for under a minute"
    Mail.objects.update(created_at=clock.now() - timedelta(minutes=20))
    assert "20 minutes" in parts(client, "mails")["mails"]
    Mail.objects.update(state="failed")
    assert parts(client, "mails")["mails"] == "0 waiting mails; 1 failed"
    assert measures(client)['rodeo_mails{state="failed"}'] == 1
    assert "ana@" not in client.get("/status").content.decode()
    mail.delete()
    parts(client)


@pytest.mark.django_db
def test_events_that_nobody_reads_for_half_an_hour_need_somebody(client: Client, heartbeats: None) -> None:
    source = Source.objects.create(key="ci", name="CI", kind="cdevents", secret="hush")
    store(source, delivery="1", kind="k", body=b"{}", at=clock.now() - timedelta(minutes=31))
    assert parts(client, "backlog")["backlog"].startswith("1 unread event, the oldest for 31 minutes")


@pytest.mark.django_db
def test_a_disk_that_fills_up_needs_somebody_before_it_is_full(
    client: Client, heartbeats: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for free, failing in ((900 * 2**20, ["disk"]), (3 * 2**30, [])):
        monkeypatch.setattr("portal.ops.health.shutil.disk_usage", lambda _, free=free: Usage(100 * 2**30, 0, free))
        assert parts(client, *failing)["disk"] == f"{free / 2**30:.1f} GiB of 100.0 GiB free"
    # A small disk has enough with a twentieth.
    monkeypatch.setattr("portal.ops.health.shutil.disk_usage", lambda _: Usage(2**30, 0, 2**29))
    parts(client)


class Usage(NamedTuple):
    """What shutil.disk_usage says."""

    total: int
    used: int
    free: int


# Clocks that are set


@pytest.mark.django_db
def test_a_process_that_died_before_the_clock_was_set_back_does_not_look_alive(
    client: Client, heartbeats: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr("portal.ops.heartbeat.time.time", lambda: time.time_ns() / 1e9 + 86400)
        heartbeat.beat(heartbeat.WORKER)
    parts(client)
    monotonic = time.monotonic
    monkeypatch.setattr("portal.ops.heartbeat.time.monotonic", lambda: monotonic() + 60)
    # The others spoke again meanwhile.
    for name in (heartbeat.PULLER, heartbeat.BEAT):
        heartbeat.beat(name)
    assert parts(client, "worker")["worker"] == "silent for 1 minute"


def test_after_the_clock_is_set_back_the_scheduler_does_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(heartbeat, "beat", lambda name: None)
    monkeypatch.setattr(
        heartbeat.BeatingScheduler, "apply_entry", lambda self, entry, producer=None: sent.append(entry.task)
    )
    now, real = [datetime(2026, 5, 1, 12, tzinfo=UTC)], time.monotonic()
    monkeypatch.setattr("portal.ops.heartbeat.time.time", lambda: now[0].timestamp())
    monkeypatch.setattr("portal.ops.heartbeat.time.monotonic", lambda: real)
    monkeypatch.setattr(type(app), "now", lambda self: now[0])
    scheduler = heartbeat.BeatingScheduler(app)

    def round() -> set[str]:
        sent.clear()
        for _ in range(20):
            scheduler.tick()
        return set(sent)

    def pass_time(seconds: float, clock_says: float) -> None:
        nonlocal real
        real += seconds
        now[0] += timedelta(seconds=clock_says)

    pass_time(6, 6)
    assert "portal.kernel.tasks.drain" in round()
    pass_time(6, 6)
    assert "portal.kernel.tasks.drain" in round()
    assert round() == set()
    pass_time(6, -86400)
    assert {"portal.kernel.tasks.drain", "releases.pulling.tasks.pull_due"} <= round()
    pass_time(6, 6)
    assert "portal.kernel.tasks.drain" in round()
