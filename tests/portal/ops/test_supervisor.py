"""Keeping processes: labels, restarts, stopping, leftovers."""

import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal.ops.parent_death import tied_to_parent
from portal.ops.supervisor import Child, Console, Supervisor, birth, how

LINUX = sys.platform.startswith("linux")


def python(program: str) -> list[str]:
    return [sys.executable, "-u", "-S", "-c", program]


SLEEP = python("import time; print('here'); time.sleep(600)")


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(out: io.StringIO, tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(Console(out), tmp_path / "processes.json")
    yield made
    made.asked = 2
    for child in made.children:
        child.signal(signal.SIGKILL)


def until(supervisor: Supervisor, so: Callable[[], bool], seconds: float = 10) -> None:
    assert supervisor.wait(so, seconds), "it did not come to be"


def test_every_line_carries_the_name_of_its_process(supervisor: Supervisor, out: io.StringIO) -> None:
    supervisor.start(
        Child("web", python("print('one'); print(); print('noise'); print('two')"), unsaid=("noise",), once=True)
    )
    until(supervisor, lambda: "two" in out.getvalue())
    assert out.getvalue() == "web    | one\nweb    | two\n"


def test_a_process_that_dies_is_started_again_with_growing_pauses(supervisor: Supervisor, out: io.StringIO) -> None:
    child = supervisor.start(Child("worker", python("raise SystemExit(3)"), pause=0.1))
    until(supervisor, lambda: child.deaths >= 3)
    assert out.getvalue().count("worker ended with code 3; starting it again in") >= 3
    assert child.pause == pytest.approx(0.8)


def test_a_process_that_was_killed_comes_back_as_another(supervisor: Supervisor, out: io.StringIO) -> None:
    child = supervisor.start(Child("worker", SLEEP, pause=0.1))
    until(supervisor, lambda: "here" in out.getvalue())
    assert child.process is not None
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    until(supervisor, lambda: child.is_running() and child.process is not None and child.process.pid != first)
    assert "worker was ended by SIGKILL" in out.getvalue()


def test_what_a_dead_process_started_does_not_outlive_it(supervisor: Supervisor, out: io.StringIO) -> None:
    program = (
        "import subprocess, sys, time; p = subprocess.Popen(['sleep', '600']); print('pid', p.pid); time.sleep(600)"
    )
    child = supervisor.start(Child("worker", python(program), pause=60))
    until(supervisor, lambda: "pid" in out.getvalue())
    grandchild = int(out.getvalue().split()[-1])
    assert child.process is not None
    child.process.kill()
    until(supervisor, lambda: child.deaths == 1)
    until(supervisor, lambda: gone(grandchild))


def test_a_task_that_runs_once_is_not_started_again(supervisor: Supervisor, out: io.StringIO) -> None:
    child = supervisor.start(Child("sample", python("raise SystemExit(2)"), once=True))
    until(supervisor, lambda: child.ended)
    assert "sample ended with code 2; its last lines are above" in out.getvalue()


def test_a_program_that_cannot_be_started_is_tried_again(
    supervisor: Supervisor, out: io.StringIO, tmp_path: Path
) -> None:
    few = resource.getrlimit(resource.RLIMIT_NOFILE)
    # None, not as many as are open now: what closes meanwhile would leave room for one more.
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, few[1]))
    try:
        child = supervisor.start(Child("worker", SLEEP, pause=0.1))
        assert not child.is_running()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, few)
    assert "worker couldn’t be started ([Errno 24] Too many open files" in out.getvalue()
    until(supervisor, child.is_running)


def test_while_something_is_in_the_way_nothing_is_started_and_it_is_said_once(
    out: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.ops.supervisor.LOOK_EVERY", 0.1)
    found = [""]
    made = Supervisor(Console(out), tmp_path / "processes.json", obstacle=lambda: found[0])
    child = made.start(Child("worker", python("raise SystemExit(3)"), pause=0.1))
    try:
        until(made, lambda: child.deaths >= 2)
        found[0] = "The disk is full."
        until(made, lambda: "The disk is full." in out.getvalue())
        made.wait(lambda: False, 0.5)
        begun = child.deaths
        made.wait(lambda: False, 1)
        assert child.deaths == begun
        assert out.getvalue().count("The disk is full.") == 1
        found[0] = ""
        until(made, lambda: child.deaths >= 1 and "Going on." in out.getvalue())
    finally:
        child.signal(signal.SIGKILL)


def test_a_record_that_cannot_be_written_ends_nothing_and_is_written_later(
    supervisor: Supervisor, out: io.StringIO, tmp_path: Path
) -> None:
    folder = tmp_path / "away"
    supervisor.record = folder / "processes.json"
    child = supervisor.start(Child("worker", SLEEP))
    until(supervisor, lambda: "here" in out.getvalue())
    assert child.is_running() and not supervisor.record.exists()
    folder.mkdir()
    until(supervisor, supervisor.record.exists)
    assert json.loads(supervisor.record.read_text())[0]["name"] == "worker"


def test_an_error_of_the_watcher_itself_is_said_once_and_ends_nothing(
    supervisor: Supervisor, out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = supervisor.start(Child("worker", SLEEP, pause=0.1))
    with monkeypatch.context() as broken:
        broken.setattr(supervisor, "_died", lambda _: 1 / 0)
        child.signal(signal.SIGKILL)
        supervisor.wait(lambda: False, 1)
    assert out.getvalue().count("something went wrong while watching the processes: ZeroDivisionError") == 1
    until(supervisor, child.is_running)


def test_a_line_without_an_end_is_passed_on_in_parts(supervisor: Supervisor, out: io.StringIO) -> None:
    supervisor.start(Child("web", python("import sys; sys.stdout.write('x' * 200_000); print('end')"), once=True))
    until(supervisor, lambda: "end" in out.getvalue())
    assert out.getvalue().count("x") == 200_000
    assert max(map(len, out.getvalue().splitlines())) < 70_000


def test_stopping_asks_first_and_then_insists(supervisor: Supervisor, out: io.StringIO) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(600)"
    kind = supervisor.start(Child("beat", SLEEP))
    stubborn = supervisor.start(Child("web", python(deaf), signals=((signal.SIGTERM, 0.5),)))
    until(supervisor, lambda: "deaf" in out.getvalue() and "here" in out.getvalue())
    started = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - started < 60  # not the 600 of the deaf one
    assert not kind.is_running()
    assert not stubborn.is_running()
    assert "web didn’t stop; ending it" in out.getvalue()
    assert "beat didn’t stop" not in out.getvalue()


def test_the_broker_stops_when_all_others_have(supervisor: Supervisor, out: io.StringIO) -> None:
    says = (
        "import signal, sys, time; signal.signal(15, lambda *_: (print('bye'), sys.exit()))\n"
        "print('up'); time.sleep(600)"
    )
    slow = says.replace("print('bye')", "time.sleep(0.5), print('bye')")
    broker = supervisor.start(Child("broker", python(says)))
    supervisor.start(Child("worker", python(slow)))
    until(supervisor, lambda: out.getvalue().count("up") == 2)
    supervisor.stop(last=(broker,))
    time.sleep(0.2)
    assert out.getvalue().index("worker | bye") < out.getvalue().index("broker | bye")


def test_a_reader_that_went_away_stops_nothing() -> None:
    read, write = os.pipe()
    os.close(read)
    closed = os.fdopen(write, "w")
    Console(closed).say("web", "nobody reads this")
    with pytest.raises(BrokenPipeError):
        closed.close()


def test_what_a_killed_supervisor_left_is_ended_by_the_next(supervisor: Supervisor, tmp_path: Path) -> None:
    left = subprocess.Popen(["sleep", "600"], start_new_session=True)
    record = tmp_path / "processes.json"
    record.write_text(json.dumps([{"name": "web", "pid": left.pid, "started": birth(left.pid)}]))
    assert supervisor.sweep() == 1
    assert left.wait(5) == -signal.SIGKILL
    assert not record.exists()


def test_a_number_that_belongs_to_another_process_by_now_is_left_alone(supervisor: Supervisor, tmp_path: Path) -> None:
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        (tmp_path / "processes.json").write_text(json.dumps([{"name": "web", "pid": other.pid, "started": "earlier"}]))
        assert supervisor.sweep() == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_broken_record_is_no_reason_not_to_start(supervisor: Supervisor, tmp_path: Path) -> None:
    (tmp_path / "processes.json").write_text("{half a rec")
    assert supervisor.sweep() == 0


@pytest.mark.parametrize(("code", "words"), [(0, "ended with code 0"), (-9, "was ended by SIGKILL")])
def test_an_end_is_said_in_words(code: int, words: str) -> None:
    assert how(code) == words


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


if LINUX:

    def test_a_leashed_process_dies_with_the_one_that_started_it() -> None:
        program = (
            "import subprocess, time\n"
            "from portal.ops.parent_death import tied_to_parent\n"
            "child = subprocess.Popen(tied_to_parent(['sleep', '600'], 9), start_new_session=True)\n"
            "print(child.pid, flush=True); time.sleep(600)"
        )
        root = Path(__file__).resolve().parents[3]
        parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=root)
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.3)
        assert not gone(child)
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + 30
        while not gone(child) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert gone(child)

    def test_a_leash_whose_holder_is_gone_starts_nothing() -> None:
        command = tied_to_parent(["echo", "started"], signal.SIGKILL)
        command[command.index(str(os.getpid()))] = "1"
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "started" not in run.stdout
        assert run.returncode != 0
