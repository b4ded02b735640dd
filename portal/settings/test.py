"""Settings of the test suite: the same parts as in use, with cheap password hashing and plain static file names.

Every test process has a state folder of its own, so that it never meets the broker, the keys or the repositories of a
portal that runs from this checkout, nor those of its neighbour. What it starts inherits the folder.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from portal.settings.embedded import kept_secret, state_folder
from portal.settings.environment import read

os.environ.setdefault("RODEO_LOG_LEVEL", "WARNING")


def broker_of(worker: str, url: str) -> str:
    """Return the broker address of one parallel test process: the n-th uses the n-th database after the given one."""
    parts = urlsplit(url)
    if not worker.startswith("gw") or not parts.scheme.startswith("redis") or "+socket" in parts.scheme:
        return url
    number = int(parts.path.strip("/") or 0) + 1 + int(worker[2:])
    return urlunsplit(parts._replace(path=f"/{number}"))


WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
if os.environ.get("RODEO_TEST_WORKER") != WORKER:
    shared = state_folder(read().RODEO_STATE_DIR or Path(__file__).resolve().parents[2] / "var")
    top = os.environ.setdefault("RODEO_TEST_TOP", str(shared / "test"))
    os.environ["RODEO_STATE_DIR"] = str(Path(top) / WORKER)
    os.environ["RODEO_TEST_WORKER"] = WORKER
    if os.environ.get("BROKER_URL"):
        first = os.environ.setdefault("RODEO_TEST_BROKER", os.environ["BROKER_URL"])
        os.environ["BROKER_URL"] = broker_of(WORKER, first)

from portal.settings.base import *  # noqa: E402,F403
from portal.settings.base import DATABASES, STATE_DIR, STORAGES  # noqa: E402

SECRET_KEY = kept_secret(STATE_DIR / "secret_key")
RODEO_FIELD_KEYS = [kept_secret(STATE_DIR / "field_key", fernet=True)]
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_AUTOREFRESH = True
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, never memory: a shared in-memory database answers concurrent requests with "table is locked".
    DATABASES["default"]["TEST"] = {"NAME": str(STATE_DIR / "test.sqlite3")}
    # No test outlives a power cut, and waiting for the disk is most of what a commit takes.
    options = DATABASES["default"]["OPTIONS"]
    options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=NORMAL")
DATABASES["default"]["CONN_MAX_AGE"] = 0
if name := os.environ.get("RODEO_TEST_DATABASE"):
    # A process that a test started (a worker, say) works on the database of that test.
    DATABASES["default"]["NAME"] = name
# A test that has a stream process says where it is.
RODEO_EVENTS_URL = ""
# Waking needs a worker; a test that has one switches it on.
RODEO_WAKE = os.environ.get("RODEO_TEST_WAKE") == "1"
