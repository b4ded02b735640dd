"""Restored files take the place of others all together, whatever interrupts it.

`restore` puts the new files beside the old ones and then writes a plan. From then on it is decided: the swap is finished by
`restore` itself or, if that was killed, by the next process that loads the settings, before it reads a key or the database.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

PLAN = "restore.json"
# What SQLite keeps beside a database. The first holds data; the second is only an index into it.
LOG, INDEX = "-wal", "-shm"


@dataclass(frozen=True)
class Step:
    """`new` becomes `target`; what was there stays as `kept`, if that is not empty."""

    new: str
    target: str
    kept: str


def lock(state: Path) -> TextIO | None:
    """Take the state folder, as `make run` does, as long as the answer is open; None if another process has it."""
    file = (state / "running").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def decide(state: Path, steps: Iterable[Step]) -> None:
    """Write the plan: before it, nothing was touched; after it, the swap will be finished."""
    begun = state / f"{PLAN}.part"
    with begun.open("w") as file:
        json.dump([asdict(step) for step in steps], file)
        file.flush()
        os.fsync(file.fileno())
    begun.replace(state / PLAN)
    sync(state)


def carry_out(state: Path) -> None:
    """Do what is left of the plan. Each step may have been done before, or half of it."""
    plan = state / PLAN
    for each in json.loads(plan.read_text()):
        _swap(Step(**each))
    plan.unlink()
    sync(state)


def finish(state: Path, patience: float = 30) -> bool:
    """Finish a swap that was interrupted. Say whether none is left: no if another process is at it all the time."""
    deadline = time.monotonic() + patience
    while (state / PLAN).exists():
        held = lock(state)
        if held is not None:
            with held:
                # Whoever had the lock a moment ago may have finished it.
                if (state / PLAN).exists():
                    carry_out(state)
        elif time.monotonic() > deadline:
            return False
        else:
            time.sleep(0.05)
    return True


def _swap(step: Step) -> None:
    new, target, kept = Path(step.new), Path(step.target), Path(step.kept)
    if not new.exists():
        return
    if step.kept and target.exists() and not kept.exists():
        # The log belongs to the old database, and would be taken for the new one's.
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{target}{LOG}", f"{kept}{LOG}")
        try:
            os.link(target, kept)
        except OSError:
            # No hard links on this file system.
            os.rename(target, kept)
    for ending in (LOG, INDEX):
        Path(f"{target}{ending}").unlink(missing_ok=True)
    new.replace(target)
    sync(target.parent)


def sync(folder: Path) -> None:
    """Have the names in this folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
