"""A log that stays readable while something is away: what fails every few seconds is said once a minute."""

import logging
import threading
import time

EVERY = 60.0
MOST = 500
# Who repeats: our own work, and the frameworks under it where they report what failed.
WHOSE = ("celery", "kombu", "portal", "releases", "squads")


class NotAgain(logging.Filter):
    """Leaves out a warning or error that was logged less than a minute ago. The next one says how often that was."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        # When each was last let through, and how often it was left out since.
        self.said: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether to log it."""
        if record.levelno < logging.WARNING or not _repeats(record):
            return True
        text = record.getMessage()
        key, now = (record.name, text), time.monotonic()
        with self.lock:
            at, left_out = self.said.get(key, (-EVERY, 0))
            if now - at < EVERY:
                self.said[key] = (at, left_out + 1)
                return False
            if len(self.said) >= MOST:
                self.said.clear()
            self.said[key] = (now, 0)
        if left_out:
            record.msg, record.args = f"{text} (and {left_out} times since it was last logged)", ()
        return True


def _repeats(record: logging.LogRecord) -> bool:
    """Say whether a record is of those that repeat; of requests, only those that the portal could not answer."""
    if record.name == "django.request":
        return record.levelno >= logging.ERROR
    return record.name.startswith(WHOSE)
