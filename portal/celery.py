"""The Celery app: `celery -A portal.celery worker` and `... beat`."""

import signal
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from portal.ops.heartbeat import WorkerHeartbeat
from portal.ops.parent_death import die_with_parent
from portal.schedule import SCHEDULE
from portal.settings.environment import choose_settings

choose_settings()
app = Celery("rodeo")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Feature packages are not Django apps, so Celery's own discovery does not find their tasks: every one is in the schedule.
app.conf.imports = tuple(sorted({str(entry["task"]).rpartition(".")[0] for entry in SCHEDULE.values()}))
app.conf.beat_schedule = SCHEDULE
app.conf.beat_scheduler = "portal.ops.heartbeat:BeatingScheduler"
app.steps["consumer"].add(WorkerHeartbeat)
# The current app is kept per thread. Requests and wake-ups run in threads that must find this one too.
app.set_default()


@worker_process_init.connect(weak=False)
def _tie_to_parent(**_: Any) -> None:
    # A pool process whose worker was killed outright must not go on with a task that is about to be handed out again.
    die_with_parent(signal.SIGKILL)
