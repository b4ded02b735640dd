"""Where the embedded database, broker and secrets live when no server is named."""

import hashlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from portal.settings import swapping
from portal.settings.environment import refuse

# sun_path holds 108 bytes on Linux and 104 on macOS, with a closing NUL.
LONGEST_SOCKET_PATH = 100


def state_folder(wanted: Path) -> Path:
    """Return the folder for everything Rodeo writes, made if it is not there. Ends the program if it cannot be used.

    A restore that was interrupted while it swapped files is finished first: what is in the folder then belongs together.
    """
    folder, why = wanted.resolve(), ""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = f"can’t be created ({error.strerror})"
    else:
        why = "" if os.access(folder, os.W_OK | os.X_OK) else "can’t be written to"
    if why:
        refuse(f"RODEO_STATE_DIR is “{folder}”, which {why}; it takes a folder that Rodeo can write to.")
    _finish_restore(folder)
    return folder


def _finish_restore(folder: Path) -> None:
    try:
        if swapping.finish(folder):
            return
        why = "it is still running"
    except OSError as error:
        why = error.strerror or str(error)
    refuse(f"a backup is being restored in {folder} ({why}). Wait until it has ended, or fix this and start again.")


def broker_socket(state: Path) -> Path:
    """Return the embedded broker's Unix socket; in the temp folder when the path would be too long for a socket."""
    socket = state / "broker.sock"
    if len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH:
        return socket
    digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"rodeo-{os.getuid()}-{digest}.sock"


def broker_url(state: Path) -> str:
    """Return the address at which Celery finds the embedded broker."""
    return f"redis+socket://{broker_socket(state)}"


def sqlite(path: Path) -> dict[str, Any]:
    """Return SQLite settings that hold under web, worker and beat at once.

    WAL lets readers go on while one writes; IMMEDIATE takes the write lock when a transaction opens, so that it waits
    its turn instead of failing half-way. FULL has what was answered "saved" be on the disk (docs/adr/0036). What is deleted
    is overwritten (docs/anonymity.md).
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536; "
            "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=268435456; PRAGMA secure_delete=ON;",
        },
    }


def kept_secret(path: Path, *, fernet: bool = False, size: int = 50) -> str:
    """Return the secret kept in `path`, made on first use from `size` random bytes and readable by its owner only.

    It appears in one step: whoever is stopped before leaves none, and of two that make one at once, both get the first.
    An empty file is what a process left that was stopped halfway, before that was so. Raises OSError.
    """
    if kept := _kept(path):
        return kept
    value = Fernet.generate_key().decode() if fernet else secrets.token_urlsafe(size)
    descriptor, begun = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(value + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(begun, path)
        except FileExistsError:
            if kept := _kept(path):
                return kept
            os.replace(begun, path)
    finally:
        Path(begun).unlink(missing_ok=True)
    return value


def required_secret(path: Path, *, fernet: bool = False) -> str:
    """Return a secret as `kept_secret` does. Ends the program if it cannot be kept."""
    try:
        return kept_secret(path, fernet=fernet)
    except OSError as error:
        refuse(f"{path} can’t be kept ({error.strerror}). Make room, or make its folder writable. Then start again.")


def _kept(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""
