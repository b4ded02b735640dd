"""Kills a process of ours at each step that touches a folder, one step later each time: `python -m tests.portal.ops.killed`.

Each run is a fork of this process, which has loaded the portal once. Prints one line of JSON: how many steps there were.
"""

import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import django

# Python tells an audit hook of each of these before it does them.
STEPS = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect", "shutil.rmtree"}


def killed_at(step: int, folder: Path, work: Callable[[], object]) -> bool:
    """Do the work in a process that is killed before its n-th step within `folder`. Say whether it came that far."""
    child = os.fork()
    if child == 0:
        left = step

        def hook(event: str, args: tuple[object, ...]) -> None:
            nonlocal left
            if event in STEPS and any(str(folder) in str(each) for each in args[:2]):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            work()
        except BaseException as error:  # noqa: BLE001
            print(f"at step {step}: {error!r}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    _, ended = os.waitpid(child, 0)
    if os.WIFSIGNALED(ended):
        return True
    assert os.waitstatus_to_exitcode(ended) == 0
    return False


def holds(database: Path) -> str:
    """Return whose database this is, after looking at all of it."""
    with closing(sqlite3.connect(database)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return str(opened.execute("SELECT owner FROM whose").fetchone()[0])


def of(state: Path) -> tuple[str, str]:
    return holds(state / "rodeo.sqlite3"), (state / "field_key").read_text()


def same_place(saved: Path, state: Path) -> None:
    shutil.rmtree(state)
    shutil.copytree(saved, state)


def restoring(saved: Path, file: Path, state: Path) -> dict[str, int]:
    """Kill `restore` at every step, and what finishes it at every step too."""
    from portal.ops.restore import restore
    from portal.settings import swapping

    before = of(state)
    kills = undone = done = 0
    while True:
        same_place(saved, state)
        if not killed_at(kills + 1, state, lambda: restore(file)):
            break
        kills += 1
        begun = 0
        # Whoever starts next finishes what was decided, and may be killed at that as well.
        while (state / swapping.PLAN).exists() and killed_at(begun + 1, state, lambda: swapping.finish(state)):
            begun += 1
        assert swapping.finish(state)
        now = of(state)
        if now == before:
            undone += 1
        else:
            assert now[0] == "backup" and now[1] != before[1], now
            assert holds(state / "rodeo.sqlite3.before-restore") == before[0]
            assert (state / "field_key.before-restore").read_text() == before[1]
            done += 1
        # And it can be done again.
        assert not killed_at(10**6, state, lambda: restore(file))
        assert of(state)[0] == "backup"
    return {"kills": kills, "undone": undone, "done": done}


def backing_up(state: Path, file: Path) -> dict[str, int]:
    """Kill `backup` at every step: there is no file, or a whole one."""
    from portal.ops.backup import back_up

    kills = whole = 0
    while True:
        file.unlink(missing_ok=True)
        if not killed_at(kills + 1, file.parent, lambda: back_up(file)):
            break
        kills += 1
        whole += file.exists()
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    return {"kills": kills, "whole": whole}


def main() -> None:
    """Make a backup of one owner, then restore it over another's."""
    state = Path(os.environ["RODEO_STATE_DIR"])
    django.setup()
    database = state / "rodeo.sqlite3"
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("CREATE TABLE django_migrations (id INTEGER, app TEXT, name TEXT, applied TEXT)")
        opened.execute("CREATE TABLE whose (owner TEXT)")
        opened.execute("INSERT INTO whose VALUES ('backup')")
        opened.commit()
    file = state.parent / "elsewhere" / "rodeo.zip"
    file.parent.mkdir()
    said = {"backup": backing_up(state, file)}
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("UPDATE whose SET owner = 'present'")
        opened.commit()
    (state / "field_key").write_text("the key of the present database\n")
    saved = state.parent / "saved"
    shutil.copytree(state, saved)
    said["restore"] = restoring(saved, file, state)
    print(json.dumps(said))


if __name__ == "__main__":
    main()
