"""Files that hold the contents of events which are deleted here: written first, and read to bring them back.

A file is gzip of JSON Lines, one event a line, with everything that was stored of it. Each step adds a part of its own and
notes in the database how long the file is now, together with the deletion. What a killed or failed step wrote after that
is overwritten by the next.
"""

import base64
import fcntl
import gzip
import io
import json
import os
import platform
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings

from portal.kernel import clock
from portal.kernel.stable_ids import stable_id
from releases.inbox.models import ContentsFile, InboundEvent, Source

# Past this, a month goes on in another file.
LARGEST = 1 << 30
# Of one month and machine, which is far more than there ever are.
MOST_FILES = 1000
# JSON payloads get hardly smaller with a higher level, and each step has to be short.
LEVEL = 4


class ExportFailed(Exception):
    """Nothing was written for good. The text says why, and what to do."""


class DamagedFile(Exception):
    """A file can't be read on. The text says where, and why."""


def folder() -> Path:
    """Return the folder of these files on this machine."""
    return Path(settings.STATE_DIR) / "exports"


@contextmanager
def writing_alone() -> Iterator[bool]:
    """Give True to one process of this machine at a time, and False to those that come meanwhile. Raises ExportFailed."""
    with _explained():
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder() / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)


def append(events: Iterable[InboundEvent], source: Source, month: datetime) -> ContentsFile:
    """Write events of a source, all received in one month, to that month's file; return its row, not saved yet.

    The file is on the disk for good when this returns. Raises ExportFailed, and leaves the file as it was.
    """
    part, received = io.BytesIO(), []
    with gzip.GzipFile(fileobj=part, mode="wb", compresslevel=LEVEL, mtime=0) as packed:
        for event in events:
            packed.write(_line(event, source.key))
            received.append(event.received_at)
    with _explained():
        row = _file_of(month)
        row.size = _write(folder() / row.name, row.size, part.getbuffer())
    if row.pk is not None:
        received += [row.first_received_at, row.last_received_at]
    row.first_received_at, row.last_received_at = min(received), max(received)
    row.written_at = clock.now()
    return row


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExportFailed(
            f"The contents of old events can’t be written to {folder()} on {platform.node()} ({error.strerror}), so "
            "none are deleted. Make room there and let Rodeo write to it; it goes on automatically."
        ) from error


def _file_of(month: datetime) -> ContentsFile:
    """Return the row of the file to write to: the newest one of the month, unless it is full, or was moved or cut."""
    host = platform.node()[:255]
    known = {row.name: row for row in ContentsFile.objects.filter(host=host, name__startswith=f"events-{month:%Y-%m}")}
    for number in range(1, MOST_FILES):
        name = f"events-{month:%Y-%m}{f'-{number}' if number > 1 else ''}.jsonl.gz"
        path, row = folder() / name, known.get(name)
        if row is None and not (path.exists() and path.stat().st_size):
            return ContentsFile(host=host, name=name)
        if row is None or row.size > LARGEST:
            continue
        if path.exists() and path.stat().st_size >= row.size:
            return row
    raise OSError(0, f"there are {MOST_FILES} files of {month:%B %Y}")


def _write(path: Path, size: int, part: memoryview) -> int:
    """Write a part after the first `size` bytes of a file; return how long the file is then."""
    is_new = not path.exists()
    with os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+b") as file:
        try:
            file.truncate(size)
            file.seek(size)
            file.write(part)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            _cut(file, size)
            raise
    if is_new:
        entry = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)
    return size + len(part)


def _cut(file: BinaryIO, size: int) -> None:
    """Give a full disk its room back. If that fails too, the next part overwrites the rest."""
    try:
        os.ftruncate(file.fileno(), size)
    except OSError:
        return


def _line(event: InboundEvent, source: str) -> bytes:
    body = bytes(event.body)
    try:
        content = {"body": body.decode()}
    except UnicodeDecodeError:
        content = {"body_base64": base64.b64encode(body).decode()}
    said = {
        "id": str(event.pk),
        "source": source,
        "delivery": event.delivery,
        "kind": event.kind,
        "content_type": event.content_type,
        "received_at": event.received_at.isoformat(),
        "state": event.state,
        "reason": event.reason,
        "attempts": event.attempts,
        "processed_at": event.processed_at.isoformat() if event.processed_at else None,
        "headers": event.headers,
        **content,
    }
    return json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def read(path: Path) -> Iterator[tuple[str, InboundEvent]]:
    """Yield the key of its source and the event as it was, for each line of a file. Raises DamagedFile."""
    number = 0
    try:
        with gzip.open(path, "rb") as lines:
            for line in lines:
                number += 1
                yield _event(line)
    except FileNotFoundError:
        raise DamagedFile(f"There’s no file {path}.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedFile(f"{path} can’t be read after line {number} ({error}).") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DamagedFile(f"Line {number} of {path} isn’t an event that Rodeo wrote.") from None
    except OSError as error:
        raise DamagedFile(f"{path} can’t be read ({error.strerror}).") from None


def _event(line: bytes) -> tuple[str, InboundEvent]:
    said: dict[str, Any] = json.loads(line.decode("utf-8", "surrogatepass"))
    body = said["body"].encode() if "body" in said else base64.b64decode(said["body_base64"], validate=True)
    event = InboundEvent(
        id=UUID(said["id"]),
        delivery=str(said["delivery"]),
        kind=str(said["kind"]),
        content_type=str(said["content_type"]),
        headers=dict(said["headers"]),
        body=body,
        received_at=_moment(said["received_at"]),
        state=InboundEvent.State(said["state"]),
        reason=str(said["reason"]),
        attempts=int(said["attempts"]),
        processed_at=_moment(said["processed_at"]) if said["processed_at"] else None,
    )
    if event.pk != stable_id("event", said["source"], event.delivery):
        raise ValueError("its id is not that of its source and delivery")
    return str(said["source"]), event


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment
