"""The database of each test process: a copy of one that was migrated before.

Migrating takes seconds, and every test process would do it again. The migrated database stays for the next run, beside the
state of the tests or on the same server, and is made anew as soon as any migration is another one (see `digest`).
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

# "rodeo", as a number: whoever holds this lock of the server makes the template or a copy of it.
LOCK = 0x726F64656F


def sources() -> list[Path]:
    """Return the files that decide what migrating makes: all migrations, and the kernel, whose fields they name."""
    folders = [Path(config.path) / "migrations" for config in apps.get_app_configs()]
    kernel = Path(settings.BASE_DIR) / "portal" / "kernel"
    return sorted(path for folder in (*folders, kernel) for path in folder.glob("*.py"))


def digest(files: Iterable[Path]) -> str:
    """Name what these files say, so that two databases with one name are alike."""
    said = hashlib.sha256(f"{django.__version__} {sqlite3.sqlite_version}".encode())
    for path in files:
        text = path.read_bytes()
        said.update(f"\n{path.parent.parent.name} {path.name} {len(text)}\n".encode() + text)
    return said.hexdigest()[:16]


def place(folder: Path) -> None:
    """Make this process's test database, under the name Django will look for; `folder` is shared by all processes."""
    name = connection.creation._get_test_db_name()
    if connection.vendor == "postgresql":
        _copy_on_server(name, digest(sources()))
    else:
        _copy_file(Path(name), template_in(folder))


def template_in(folder: Path) -> Path:
    """Return where SQLite's migrated database is kept."""
    return folder / f"migrated-{digest(sources())}.sqlite3"


def take_away() -> None:
    """Drop this process's test database."""
    name = connection.creation._get_test_db_name()
    connection.close()
    if connection.vendor == "postgresql":
        with connection._nodb_cursor() as server:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    else:
        _forget(Path(name))


def empty(flush: Callable[[], None]) -> None:
    """Empty this process's test database by `flush`, in which somebody may still be at work.

    A browser that closes leaves the request it asked last to a thread of the server. Emptying all tables at once and that
    request, which holds some of them, can wait for each other (PostgreSQL ends one of the two), and what it writes after
    the emptying would be found by the next test. So wait until nobody else is at work, and try again where somebody was.
    """
    for left in reversed(range(5)):
        _wait_until_idle()
        try:
            return flush()
        except (CommandError, OperationalError) as error:
            cause = error.__cause__ if isinstance(error, CommandError) else error
            if not left or not isinstance(cause, OperationalError):
                raise


def _wait_until_idle(seconds: float = 10) -> None:
    if connection.vendor != "postgresql":
        return
    end = time.monotonic() + seconds
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                " AND state NOT IN ('idle', 'disabled')"
            )
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.05)


def _migrate(name: str) -> None:
    """Migrate an empty database of this name."""
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", interactive=False, verbosity=0)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


def _forget(database: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{database}{ending}").unlink(missing_ok=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Have the other test processes wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy_file(name: Path, template: Path) -> None:
    folder = template.parent
    with _alone(folder):
        if not template.exists():
            for old in folder.glob("migrated-*.sqlite3"):
                old.unlink()
            begun = folder / "migrating.sqlite3"
            _forget(begun)
            _migrate(str(begun))
            # Whatever stopped this before, there is no template that is half done.
            os.replace(begun, template)
        _forget(name)
        shutil.copyfile(template, name)


def _copy_on_server(name: str, state: str) -> None:
    template = "test_rodeo_migrated"
    with connection._nodb_cursor() as server:
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        if _comment(server, template) != state:
            server.execute(f'DROP DATABASE IF EXISTS "{template}" WITH (FORCE)')
            server.execute(f'CREATE DATABASE "{template}"')
            _migrate(template)
            server.execute(f"COMMENT ON DATABASE \"{template}\" IS '{state}'")
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        server.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _comment(server: Any, database: str) -> str | None:
    server.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [database])
    found = server.fetchone()
    return found[0] if found else None
