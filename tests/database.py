"""The database of each test process: a copy of one that was migrated before.

Migrating takes seconds, and every test process would do it again. The migrated database stays for the next run, beside the
state of the tests or on the same server, and is made anew as soon as any migration is another one (see `digest`).
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection

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
