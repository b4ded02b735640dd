"""How much waits and how far behind it is, for /status and, as Prometheus reads it, for /metrics. No names: anybody may ask."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Min
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from portal.kernel import clock
from portal.kernel.broker import client
from portal.kernel.models import Mail, Message
from portal.ops import heartbeat
from releases.inbox.models import InboundEvent, Source
from releases.pulling.leases import overdue

QUEUES = ("celery", "pulls")


@dataclass(frozen=True, slots=True)
class Measured:
    """What waits now. `oldest` and `lag` are in seconds: of the oldest pending event, of the pull that is most overdue.

    `messages` wait in the outbox, the oldest for `oldest_message` seconds; `dead` ones were given up. `mails` wait to be
    sent, the oldest for `oldest_mail` seconds; `failed_mails` were refused or given up.
    """

    pending: int
    failed: int
    oldest: float
    messages: int
    oldest_message: float
    dead: int
    mails: int
    oldest_mail: float
    failed_mails: int
    queues: dict[str, int]
    lag: float
    sources: dict[str, int]


def measured(with_queues: bool = True) -> Measured:
    """Look, at the queues in the broker too if asked. Raises DatabaseError, or redis.RedisError when the broker is away."""
    now = clock.now()
    waiting = InboundEvent.objects.filter(state=InboundEvent.State.PENDING).order_by()
    inbox = waiting.aggregate(count=Count("pk"), oldest=Min("received_at"))
    outbox = Message.objects.waiting().order_by().aggregate(count=Count("pk"), oldest=Min("created_at"))
    mails = Mail.objects.waiting().order_by().aggregate(count=Count("pk"), oldest=Min("created_at"))
    behind = Source.objects.filter(overdue(now)).order_by().aggregate(first=Min("next_pull_at"))["first"]
    queues = {}
    if with_queues:
        with client(settings.BROKER_URL, timeout=1) as connected:
            queues = {name: int(connected.llen(name)) for name in QUEUES}  # type: ignore[arg-type]
    states = Source.objects.order_by().values("state").annotate(count=Count("pk")).values_list("state", "count")
    return Measured(
        pending=inbox["count"],
        oldest=(now - inbox["oldest"]).total_seconds() if inbox["oldest"] else 0.0,
        failed=InboundEvent.objects.filter(state=InboundEvent.State.FAILED).order_by().count(),
        messages=outbox["count"],
        oldest_message=(now - outbox["oldest"]).total_seconds() if outbox["oldest"] else 0.0,
        dead=Message.objects.dead().order_by().count(),
        mails=mails["count"],
        oldest_mail=(now - mails["oldest"]).total_seconds() if mails["oldest"] else 0.0,
        failed_mails=Mail.objects.failed().order_by().count(),
        queues=queues,
        lag=(now - behind).total_seconds() if behind else 0.0,
        sources={**dict.fromkeys(Source.State.values, 0), **dict(states)},
    )


class Backlog(Collector):
    """What waits, looked at anew whenever somebody asks."""

    def collect(self) -> Iterator[Metric]:
        """Yield every measure."""
        now = measured()
        events = GaugeMetricFamily("rodeo_inbox_events", "Events that haven't been read", labels=["state"])
        events.add_metric(["pending"], now.pending)
        events.add_metric(["failed"], now.failed)
        yield events
        yield GaugeMetricFamily("rodeo_inbox_oldest_pending_seconds", "Age of the oldest pending event", now.oldest)
        yield GaugeMetricFamily("rodeo_outbox_messages", "Messages waiting to be delivered", now.messages)
        yield GaugeMetricFamily(
            "rodeo_outbox_oldest_waiting_seconds", "Age of the oldest waiting message", now.oldest_message
        )
        yield GaugeMetricFamily("rodeo_outbox_dead_messages", "Dead messages: no longer retried", now.dead)
        mails = GaugeMetricFamily("rodeo_mails", "Mails that no mail server has accepted", labels=["state"])
        mails.add_metric(["waiting"], now.mails)
        mails.add_metric(["failed"], now.failed_mails)
        yield mails
        yield GaugeMetricFamily("rodeo_mail_oldest_waiting_seconds", "Age of the oldest waiting mail", now.oldest_mail)
        tasks = GaugeMetricFamily("rodeo_queue_tasks", "Tasks waiting in the broker", labels=["queue"])
        for name, count in now.queues.items():
            tasks.add_metric([name], count)
        yield tasks
        yield GaugeMetricFamily("rodeo_pull_lag_seconds", "How late the most overdue pull is", now.lag)
        sources = GaugeMetricFamily("rodeo_sources", "Sources", labels=["state"])
        for name, count in now.sources.items():
            sources.add_metric([name], count)
        yield sources
        beats = GaugeMetricFamily(
            "rodeo_heartbeat_age_seconds", "Time since the last heartbeat of a process", labels=["process"]
        )
        for name in (heartbeat.WORKER, heartbeat.PULLER, heartbeat.BEAT):
            if (last := heartbeat.last(name)) is not None:
                beats.add_metric([name], last.age)
        yield beats


def exposition() -> bytes:
    """Return all measures in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(Backlog())
    return generate_latest(registry)
