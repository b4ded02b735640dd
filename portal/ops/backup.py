"""One file with everything that Rodeo can't make again: the database, and the keys that `make run` keeps beside it.

It is a ZIP archive: `manifest.json`, the database (a copy for SQLite, what pg_dump wrote for PostgreSQL), and the keys.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.backends.postgresql.client import DatabaseClient
from django.db.migrations.recorder import MigrationRecorder

from portal.kernel import clock
from portal.kernel.secrets import box
from portal.settings.base import STATE_DIR
from portal.settings.swapping import sync

# Raised when an older Rodeo could no longer restore what this one writes.
FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = {"sqlite": "rodeo.sqlite3", "postgresql": "rodeo.dump"}
# What `make run` keeps in the state folder and what belongs to the database.
KEYS = ("secret_key", "field_key")
FIRST_PASSWORD = "first_password"
# A token in the manifest: whoever can read it has the keys to the secrets in the database.
SEALED = b"rodeo"


class BackupError(Exception):
    """It can't be backed up or restored; the text says why and what to do about it."""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. `database` is the kind of server; `files` are the digests of its members."""

    format: int
    made_at: str
    database: str
    migrations: list[str]
    sealed: str
    files: dict[str, str]

    @property
    def has_keys(self) -> bool:
        return KEYS[1] in self.files


def back_up(wanted: Path | None) -> Path:
    """Write a backup while the portal runs, and return where it is. Nothing is there until it is whole. Raises BackupError."""
    moment = clock.now()
    target = wanted or STATE_DIR / "backups" / f"rodeo-{moment:%Y%m%d-%H%M%S}.zip"
    if target.exists():
        raise BackupError(f"{target} exists already. Choose another name, or delete it first.")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with unfinished(target.parent / f"{target.name}.unfinished") as folder:
            database = folder / DATABASE[connection.vendor]
            _copy_database(database)
            members = [database, *_keys_in_use()]
            whole = folder / "backup.zip"
            _write(whole, members, moment.isoformat())
            os.replace(whole, target)
        sync(target.parent)
    except OSError as error:
        raise BackupError(f"{target} can’t be written ({error.strerror or error}). There is no new backup.") from error
    return target


@contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """Give a folder that only its owner can read, without what an interrupted run left there, and delete it afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, members: list[Path], made_at: str) -> None:
    applied = sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())
    manifest = Manifest(
        format=FORMAT,
        made_at=made_at,
        database=connection.vendor,
        migrations=applied,
        sealed=box().encrypt(SEALED).decode(),
        files={each.name: digest(each) for each in members},
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=2))
            for each in members:
                archive.write(each, each.name)
        file.flush()
        os.fsync(file.fileno())


def holds(path: Path) -> list[str]:
    """Return the names of a backup's members."""
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keys_in_use() -> list[Path]:
    """Return the key files of the state folder if they are the keys in use; in production they are in the environment."""
    secret, field = (STATE_DIR / name for name in KEYS)
    in_use = {secret: [settings.SECRET_KEY], field: settings.RODEO_FIELD_KEYS}
    if not all(path.exists() and [path.read_text().strip()] == list(keys) for path, keys in in_use.items()):
        return []
    return [path for path in (secret, field, STATE_DIR / FIRST_PASSWORD) if path.exists()]


def _copy_database(target: Path) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if connection.vendor == "sqlite":
        _copy_sqlite(target)
    else:
        without = [f"--exclude-table-data={table}" for table in left_out()]
        words = ["--format", "custom", "--no-owner", "--no-privileges", *without, "--file", str(target)]
        run_for_postgres("pg_dump", *words)


def left_out() -> list[str]:
    """Return the tables whose rows no backup holds: with the keys beside them, two backups would tell what is anonymous
    (docs/anonymity.md)."""
    return [model._meta.db_table for model in apps.get_models() if getattr(model, "left_out_of_backups", False)]


def _copy_sqlite(target: Path) -> None:
    source = Path(connection.settings_dict["NAME"])
    if not source.exists():
        raise BackupError(f"There is no database at {source} yet, so there is nothing to back up.")
    # All of it in one step: a copy in several is begun anew whenever somebody writes. In WAL mode, writers go on meanwhile.
    try:
        with closing(sqlite3.connect(f"file:{source}?mode=rw", uri=True, timeout=20)) as old:
            with closing(sqlite3.connect(target)) as new:
                old.backup(new)
                as_one_file(new)
                _leave_out(new)
        problem = problem_of_sqlite(target)
    except sqlite3.Error as error:
        problem = str(error)
    if problem:
        raise BackupError(f"The database {source} is damaged ({problem}). Restore the last good backup.")


def _leave_out(copy: sqlite3.Connection) -> None:
    """Delete from a copy what no backup holds, and overwrite where it was."""
    there = {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    copy.execute("PRAGMA secure_delete=ON").fetchall()
    for table in there.intersection(left_out()):
        copy.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names of our own tables
    copy.commit()


def as_one_file(database: sqlite3.Connection) -> None:
    """Put everything into the database's own file. Raises sqlite3.OperationalError if another process has it open."""
    database.execute("PRAGMA journal_mode=DELETE").fetchall()


def problem_of_sqlite(path: Path) -> str:
    """Say what is wrong inside this SQLite file; "" if nothing is."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        said = str(database.execute("PRAGMA integrity_check(1)").fetchone()[0])
    return "" if said == "ok" else said


def run_for_postgres(program: str, *words: str) -> None:
    """Run one of PostgreSQL's programs on the database of DATABASE_URL; its password is in no list of processes."""
    found = connection.settings_dict
    args, secret = DatabaseClient.settings_to_cmd_args_env(found, [])
    # What psql takes as its last word is an option of the others.
    address = args[1:-1] if found["NAME"] else args[1:]
    address += ["--no-password", "--dbname", found["NAME"] or f"service={found['OPTIONS']['service']}"]
    environment = {**os.environ, **(secret or {})}
    try:
        done = subprocess.run(
            [program, *address, *words], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise BackupError(
            f"{program} isn’t installed. On Debian and Ubuntu: apt-get install postgresql-client"
        ) from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"]
        raise BackupError(f"{program} failed: {said[0]}")
