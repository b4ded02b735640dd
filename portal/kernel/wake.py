"""Waking the worker after a commit without making the request pay for it.

Rows are the truth and the sweep finds every one of them; waking only makes it soon. One thread per process sends at
most one wake-up per task and PAUSE however many rows were committed, and always one after the last of them.
"""

import logging
import os
import threading

from celery import current_app
from django.conf import settings

logger = logging.getLogger(__name__)
TASK = "portal.kernel.tasks.drain"
PAUSE = 0.03


class _Waker:
    """The thread of one process; a forked child starts its own."""

    def __init__(self) -> None:
        self.wanted = threading.Event()
        self.tasks: set[str] = set()
        self.lock = threading.Lock()
        self.process = 0

    def ask(self, task: str) -> None:
        with self.lock:
            self.tasks.add(task)
            if self.process != os.getpid():
                threading.Thread(target=self.run, name="rodeo-wake", daemon=True).start()
                self.process = os.getpid()
        self.wanted.set()

    def run(self) -> None:
        rest = threading.Event()
        while True:
            self.wanted.wait()
            self.wanted.clear()
            with self.lock:
                tasks, self.tasks = self.tasks, set()
            try:
                for task in tasks:
                    current_app.send_task(task, retry=False, ignore_result=True)
            except Exception as error:
                # Nothing is lost: the row stays and the next sweep takes it.
                logger.warning("the broker did not take a wake-up (%s); the sweep will do the work", error)
                rest.wait(1)
            rest.wait(PAUSE)


_waker = _Waker()


def wake(task: str = TASK) -> None:
    """Ask for waiting rows to be worked on soon, by this task. Returns at once and never raises."""
    if getattr(settings, "RODEO_WAKE", True):
        _waker.ask(task)
