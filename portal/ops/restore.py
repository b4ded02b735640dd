"""Restoring a backup: everything is checked first, then all of it takes its place at once, and what was there is kept."""

import json
import os
import shutil
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from cryptography.fernet import InvalidToken
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader

from portal.kernel.secrets import box
from portal.ops import backup
from portal.ops.backup import BackupError, Manifest
from portal.settings import swapping
from portal.settings.base import STATE_DIR
from portal.settings.swapping import Step

NOTHING_CHANGED = "Nothing was changed."
FILES = (*backup.KEYS, backup.FIRST_PASSWORD)


@dataclass(frozen=True)
class Restored:
    """What was restored: when it was made, where the former files are, and whether its secrets can be read here."""

    made_at: str
    kept: list[str]
    readable: bool


def restore(path: Path) -> Restored:
    """Put what this backup holds in place of what is here. Raises BackupError, and then nothing was changed."""
    with _alone(), _opened(path) as archive:
        manifest = _manifest(path, archive)
        _check_fits(path, manifest)
        try:
            if connection.vendor == "sqlite":
                kept = _prepare_files(archive, manifest)
            else:
                kept = _restore_postgres(archive, manifest)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise _damaged(path, str(error)) from error
        except OSError as error:
            raise BackupError(
                f"The backup can’t be unpacked in {STATE_DIR} ({error.strerror or error}). {NOTHING_CHANGED}"
            ) from error
        if connection.vendor == "sqlite":
            _swap()
    return Restored(manifest.made_at, kept, manifest.has_keys or _is_readable(manifest))


@contextmanager
def _alone() -> Iterator[None]:
    held = swapping.lock(STATE_DIR)
    if held is None:
        raise BackupError("Rodeo is running here. Stop it first (Ctrl-C in its terminal), then restore.")
    with held:
        yield


# What the file says


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise BackupError(f"{path} can’t be read ({error.strerror}).") from error
    except zipfile.BadZipFile as error:
        raise _damaged(path, str(error)) from error
    with archive:
        yield archive


def _damaged(path: Path, why: str) -> BackupError:
    return BackupError(f"{path} isn’t a whole backup ({why.rstrip('.')}). Choose another one. {NOTHING_CHANGED}")


def _manifest(path: Path, archive: zipfile.ZipFile) -> Manifest:
    try:
        said = json.loads(archive.read(backup.MANIFEST))
        if said["format"] > backup.FORMAT:
            raise _too_new(path, f"its format is {said['format']}")
        return Manifest(**{each.name: said[each.name] for each in fields(Manifest)})
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(path, "its manifest can’t be read") from error


def _too_new(path: Path, why: str) -> BackupError:
    return BackupError(
        f"{path} was made by a newer Rodeo ({why}). Update Rodeo to that version first, then restore. {NOTHING_CHANGED}"
    )


def _check_fits(path: Path, manifest: Manifest) -> None:
    loader = MigrationLoader(None)
    known = {f"{app}.{name}" for app, name in loader.disk_migrations}
    known |= {f"{app}.{name}" for each in loader.disk_migrations.values() for app, name in each.replaces}
    if unknown := [each for each in manifest.migrations if each not in known]:
        raise _too_new(path, f"it has {unknown[-1]}, which this one doesn’t know")
    if manifest.database != connection.vendor:
        raise BackupError(
            f"{path} holds a database of {manifest.database}, but DATABASE_URL names one of {connection.vendor}. "
            f"Set DATABASE_URL to the same kind. {NOTHING_CHANGED}"
        )


def _is_readable(manifest: Manifest) -> bool:
    try:
        return box().decrypt(manifest.sealed.encode()) == backup.SEALED
    except InvalidToken:
        return False


# SQLite: files that take the place of others


def _prepare_files(archive: zipfile.ZipFile, manifest: Manifest) -> list[str]:
    """Have every file ready beside the one it replaces, and decide the swap. Return where the present ones will be."""
    database = Path(connection.settings_dict["NAME"])
    connection.close()
    member = backup.DATABASE["sqlite"]
    targets = {member: database, **{name: STATE_DIR / name for name in FILES if name in manifest.files}}
    unpacked = {name: target.with_name(f"{target.name}.restoring") for name, target in targets.items()}
    try:
        for name, path in unpacked.items():
            _unpack(archive, manifest, name, path)
        if problem := backup.problem_of_sqlite(unpacked[member]):
            raise zipfile.BadZipFile(f"its database is damaged: {problem}")
        _settle(database)
        changed = [name for name, target in targets.items() if name == member or not _same(unpacked[name], target)]
        steps = [_step(unpacked[name], targets[name], keep=database.exists()) for name in changed]
        swapping.decide(STATE_DIR, steps)
    except sqlite3.Error as error:
        raise zipfile.BadZipFile(f"its database is damaged: {error}") from error
    finally:
        if not (STATE_DIR / swapping.PLAN).exists():
            for path in unpacked.values():
                path.unlink(missing_ok=True)
    return [each.kept for each in steps if each.kept]


def _swap() -> None:
    try:
        swapping.carry_out(STATE_DIR)
    except OSError as error:
        raise BackupError(
            f"Only a part of the backup is in its place ({error.strerror or error}). Fix this: the next start of Rodeo, or of "
            "any of its commands, does the rest."
        ) from error
    for name in FILES:
        (STATE_DIR / f"{name}.restoring").unlink(missing_ok=True)


def _unpack(archive: zipfile.ZipFile, manifest: Manifest, name: str, path: Path) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        try:
            member = archive.open(name)
        except KeyError:
            raise zipfile.BadZipFile(f"{name} is missing") from None
        with member:
            shutil.copyfileobj(member, file, 1024 * 1024)
        file.flush()
        os.fsync(file.fileno())
    if backup.digest(path) != manifest.files.get(name):
        raise zipfile.BadZipFile(f"{name} isn’t what was backed up")


def _settle(database: Path) -> None:
    """Make sure that no process has the present database open, and have all of it in one file. A damaged one stays as it is."""
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=2)) as old:
            backup.as_one_file(old)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise BackupError(
                f"Another process has {database} open. Stop everything that uses it, then restore. {NOTHING_CHANGED}"
            ) from error
    except sqlite3.DatabaseError:
        return


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


def _step(new: Path, target: Path, keep: bool) -> Step:
    """Return the step. Keys without a database open nothing: they aren't kept."""
    kept = f"{target}.before-restore"
    number = 2
    while os.path.exists(kept) or os.path.exists(f"{kept}{swapping.LOG}"):
        kept = f"{target}.before-restore-{number}"
        number += 1
    return Step(str(new), str(target), kept if keep and target.exists() else "")


# PostgreSQL: one transaction in an empty database


def _restore_postgres(archive: zipfile.ZipFile, manifest: Manifest) -> list[str]:
    name = connection.settings_dict["NAME"]
    try:
        with connection.cursor() as cursor:
            tables = connection.introspection.table_names(cursor)
        connection.close()
    except DatabaseError as error:
        raise BackupError(f"The database doesn’t answer: {str(error).strip()}. Start it or fix DATABASE_URL.") from None
    if tables:
        raise BackupError(
            f"The database {name} isn’t empty. Stop Rodeo, rename or drop the database and create it again "
            f"(docs/production.md shows how), then restore. {NOTHING_CHANGED}"
        )
    with backup.unfinished(STATE_DIR / "restoring") as folder:
        dump = folder / backup.DATABASE["postgresql"]
        _unpack(archive, manifest, dump.name, dump)
        words = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
        backup.run_for_postgres("pg_restore", *words, str(dump))
    return []
