"""Several processes as one: started in order, logged with labels, started again when they die, stopped together."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from portal.ops.parent_death import tied_to_parent

LONGEST_PAUSE = 30.0
STEADY_AFTER = 60.0
TICK = 0.1
# How often, in seconds, it is looked whether something keeps the processes from running; and how often an error of the
# watcher itself is said.
LOOK_EVERY = 2.0
SAY_AGAIN_AFTER = 60.0
# A longer line is passed on in parts: a process that writes one without end must not fill the memory.
LONGEST_LINE = 64 * 1024
COLOURS = {"web": 36, "live": 96, "worker": 33, "beat": 35, "broker": 34, "sample": 32, "rodeo": 1}


class Console:
    """Whole lines with a label in front, from any thread."""

    def __init__(self, out: TextIO, width: int = 6) -> None:
        self.out, self.width = out, width
        self.lock = threading.Lock()
        self.coloured = out.isatty() and "NO_COLOR" not in os.environ

    def say(self, label: str, line: str = "") -> None:
        """Print one line of `label`. A reader that has gone away is no reason to stop."""
        name = f"{label:<{self.width}}"
        if self.coloured:
            name = f"\x1b[{COLOURS.get(label, 0)}m{name}\x1b[0m"
        with self.lock, contextlib.suppress(OSError, ValueError):
            self.out.write(f"{name} | {line}".rstrip() + "\n")
            self.out.flush()


@dataclass
class Child:
    """One process to keep. `signals` ask it to stop, each harder than the one before, with seconds of patience.

    Empty lines of its log and those that hold any of the words in `unsaid` are left out.
    """

    name: str
    command: list[str]
    signals: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 3.0),)
    on_parent_death: signal.Signals = signal.SIGKILL
    once: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    unsaid: tuple[str, ...] = ()

    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 1.0
    again_at: float | None = None
    deaths: int = 0
    ended: bool = False

    def is_running(self) -> bool:
        """Say whether the process is there."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and everything it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


class Supervisor:
    """Keeps children running until told to stop. Use from the main thread only: the kernel ties them to it."""

    def __init__(self, console: Console, record: Path, obstacle: Callable[[], str] = str) -> None:
        """Keep a record of the children in a file. `obstacle` says what keeps all of them from running; "" is nothing.

        While there is an obstacle, children that died are not started: they start as soon as it is gone.
        """
        self.console, self.record = console, record
        self.children: list[Child] = []
        self.asked = 0
        self._obstacle = obstacle
        self.obstacle = ""
        self.looked = self.said_error = -LOOK_EVERY - SAY_AGAIN_AFTER
        self.recorded = True

    # Starting

    def listen(self) -> None:
        """Stop everything on Ctrl-C, on SIGTERM and when the terminal closes; a second time, at once."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        self.asked += 1

    def start(self, child: Child) -> Child:
        """Start a process and keep it from now on."""
        self.children.append(child)
        self._spawn(child)
        return child

    def _spawn(self, child: Child) -> None:
        command = child.command
        if sys.platform.startswith("linux"):
            command = tied_to_parent(command, child.on_parent_death)
        try:
            child.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **child.environment},
                start_new_session=True,
            )
            child.started, child.again_at = time.monotonic(), None
            threading.Thread(target=self._relay, args=(child, child.process), daemon=True).start()
        except (OSError, RuntimeError) as error:
            # No memory, no more processes, threads or files: of this machine, and for now.
            child.signal(signal.SIGKILL)
            self._try_again(child, f"couldn’t be started ({error})")
        self._write_record()

    def _relay(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        while raw := process.stdout.readline(LONGEST_LINE):
            line = raw.decode(errors="replace").rstrip()
            if line and not any(words in line for words in child.unsaid):
                self.console.say(child.name, line)

    # Keeping

    def is_stopping(self) -> bool:
        """Say whether somebody asked to stop."""
        return self.asked > 0

    def tend(self) -> None:
        """Look once at every child: note the ones that died, start again the ones whose pause is over. Never raises."""
        try:
            self._look_around()
            for child in self.children:
                if not child.ended and not child.is_running():
                    self._tend(child)
            if not self.recorded:
                self._write_record()
        except Exception as error:
            # Whatever it is, the children need somebody who looks after them.
            if time.monotonic() - self.said_error >= SAY_AGAIN_AFTER:
                self.said_error = time.monotonic()
                self.console.say("rodeo", f"something went wrong while watching the processes: {error!r}; going on")

    def _tend(self, child: Child) -> None:
        if child.again_at is None:
            self._died(child)
        elif time.monotonic() >= child.again_at and not self.obstacle:
            self._spawn(child)

    def _look_around(self) -> None:
        """Say it when something begins to keep the children from running, and when it is gone."""
        if time.monotonic() - self.looked < LOOK_EVERY:
            return
        self.looked = time.monotonic()
        found = self._obstacle()
        if found and not self.obstacle:
            self.console.say("rodeo", found)
        elif self.obstacle and not found:
            self.console.say("rodeo", "The state folder can be written to again. Going on.")
            for child in self.children:
                child.pause, child.deaths = 1.0, 0
                if child.again_at is not None:
                    child.again_at = time.monotonic()
        self.obstacle = found

    def _died(self, child: Child) -> None:
        assert child.process is not None
        # What it started must not outlive it: two generations would share the work.
        child.signal(signal.SIGKILL)
        if child.once:
            child.ended = True
            if child.process.returncode:
                self.console.say("rodeo", f"{child.name} {how(child.process.returncode)}; its last lines are above")
            return
        if time.monotonic() - child.started > STEADY_AFTER:
            child.pause, child.deaths = 1.0, 0
        self._try_again(child, how(child.process.returncode))

    def _try_again(self, child: Child, why: str) -> None:
        self.looked = -LOOK_EVERY
        self._look_around()
        child.deaths += 1
        child.again_at = time.monotonic() + child.pause
        when = f"in {child.pause:.0f} s" if not self.obstacle else "when that is over"
        self.console.say("rodeo", f"{child.name} {why}; starting it again {when}")
        child.pause = min(child.pause * 2, LONGEST_PAUSE)

    def wait(self, until: Callable[[], bool], seconds: float) -> bool:
        """Keep the children until `until` says yes (True), or until time is up or somebody asked to stop (False)."""
        deadline = time.monotonic() + seconds
        while not self.asked and time.monotonic() < deadline:
            if until():
                return True
            self.tend()
            time.sleep(TICK)
        return False

    def keep(self) -> None:
        """Keep the children until somebody asks to stop."""
        while not self.asked:
            self.tend()
            time.sleep(TICK)

    # Stopping

    def stop(self, last: tuple[Child, ...] = ()) -> None:
        """Stop every child, those in `last` when all others have ended. A second request to stop ends the patience."""
        first = [child for child in self.children if child not in last]
        self._stop(first)
        self._stop(list(last))
        with contextlib.suppress(OSError):
            self.record.unlink()

    def _stop(self, children: list[Child]) -> None:
        before = self.asked
        steps = {child.name: iter(child.signals) for child in children}
        due = dict.fromkeys(steps, 0.0)
        while running := [child for child in children if child.is_running()]:
            for child in running:
                if self.asked > before:
                    child.signal(signal.SIGKILL)
                elif time.monotonic() >= due[child.name]:
                    due[child.name] = time.monotonic() + self._ask(child, next(steps[child.name], None))
            time.sleep(TICK / 2)
        for child in children:
            child.signal(signal.SIGKILL)

    def _ask(self, child: Child, step: tuple[signal.Signals, float] | None) -> float:
        """Take the next step in stopping a child; return how long to wait for it."""
        if step is None:
            self.console.say("rodeo", f"{child.name} didn’t stop; ending it")
            child.signal(signal.SIGKILL)
            return 5.0
        # Asking is for the process itself, which then tells those it started; force is for all of them.
        if child.process is not None:
            child.process.send_signal(step[0])
        return step[1]

    # Leftovers

    def _write_record(self) -> None:
        running = [
            {"name": child.name, "pid": child.process.pid, "started": birth(child.process.pid)}
            for child in self.children
            if child.process is not None and child.is_running()
        ]
        temporary = self.record.with_suffix(".new")
        try:
            temporary.write_text(json.dumps(running))
            temporary.replace(self.record)
            self.recorded = True
        except OSError:
            # Only the next start after a kill -9 would use it; it is written as soon as that is possible.
            self.recorded = False

    def sweep(self) -> int:
        """End what a supervisor that was killed left behind, where the kernel did not. Return how many there were."""
        try:
            left = json.loads(self.record.read_text())
        except (OSError, ValueError):
            return 0
        ended = 0
        for each in left:
            # A number may belong to another process by now; the moment of its birth tells.
            if each.get("started") and birth(int(each["pid"])) == each["started"]:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(int(each["pid"]), signal.SIGKILL)
                    ended += 1
        with contextlib.suppress(OSError):
            self.record.unlink()
        return ended


def birth(pid: int) -> str:
    """Return what tells a process from a later one with its number: when it started; "" if there is no such process."""
    try:
        # After the name, which may hold anything, the 20th word is the start in clock ticks since the machine's own.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        pass
    try:
        result = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip()


def how(code: int) -> str:
    """Say how a process ended."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
