"""Can the state folder be written to, and is there room? What is wrong is one sentence with its remedy."""

import errno
import os
import sqlite3
from pathlib import Path

# Less than this is as good as nothing: the embedded database and broker write in larger pieces.
LEAST_ROOM = 1024 * 1024
FULL = {errno.ENOSPC, errno.EDQUOT}
UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EIO, errno.ESTALE}
# What SQLite calls the same.
SQLITE_CODES = {"SQLITE_FULL", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN"}


def problem(folder: Path) -> str:
    """Say what keeps Rodeo from writing to this folder, and what to do; "" if nothing does."""
    try:
        room = os.statvfs(folder)
    except OSError as error:
        return _unwritable(folder, error.strerror or type(error).__name__)
    if not os.access(folder, os.W_OK | os.X_OK):
        return _unwritable(folder, "read-only")
    # File systems that make files as they need them count none beforehand.
    if room.f_bavail * room.f_frsize < LEAST_ROOM or (room.f_files and not room.f_favail):
        return _full(folder)
    return ""


def problem_behind(error: BaseException, folder: Path) -> str:
    """Say the same of an error that was raised while writing there; "" if it means something else."""
    found = problem(folder)
    cause = error.__cause__ if isinstance(error.__cause__, sqlite3.Error | OSError) else error
    if isinstance(cause, sqlite3.Error):
        name = getattr(cause, "sqlite_errorname", "")
        if name == "SQLITE_FULL":
            return found or _full(folder)
        return found or (_unwritable(folder, str(cause)) if name.startswith(tuple(SQLITE_CODES)) else "")
    if not isinstance(cause, OSError):
        return ""
    if cause.errno in FULL:
        return found or _full(folder)
    # Only where it is about this folder: a file of the installation that is missing has another remedy.
    about = str(cause.filename or "").startswith(str(folder))
    return found or (_unwritable(folder, cause.strerror or "") if about and cause.errno in UNWRITABLE else "")


def _full(folder: Path) -> str:
    return f"The disk is full: there’s no room in {folder}. Make room, and Rodeo goes on automatically."


def _unwritable(folder: Path, why: str) -> str:
    return f"{folder} can’t be written to ({why}). Make it writable for this user, and Rodeo goes on automatically."
