"""What `make run` does, in order: check, prepare, start, and only then say where to look."""

import contextlib
import errno
import fcntl
import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO, TypeVar

import redis
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command, get_commands
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from portal.kernel import storage
from portal.kernel.broker import client
from portal.ops import broker, heartbeat
from portal.ops.supervisor import Child, Console, Supervisor
from portal.settings.base import BASE_DIR, STATE_DIR
from portal.settings.embedded import broker_socket, kept_secret
from portal.settings.environment import read

T = TypeVar("T")
HOST = "127.0.0.1"
FIRST_ADMINISTRATOR = "rodeo"
READY_WITHIN = 90.0
# How long to wait, in seconds, until something is tried again that the disk had no room for.
RETRY_EVERY = 2.0
GIVE_UP_AFTER = 4
NEEDED = ("database", "secrets", "broker", heartbeat.WORKER, heartbeat.PULLER, heartbeat.BEAT)
# True of every small server and no concern of somebody who tries Rodeo out.
BROKER_CHATTER = ("Memory overcommit must be enabled", "scheduling shutdown", "ready to exit")


class Refusal(Exception):
    """Rodeo cannot start; the text says why and what to do about it."""


def the_port(text: str) -> int:
    """Read a port number. Raises Refusal."""
    with contextlib.suppress(ValueError):
        if 1 <= int(text) <= 65535:
            return int(text)
    raise Refusal(f"“{text}” isn’t a port. Choose one from 1024 to 65535: make run PORT=8001")


def lock_folder(address: str) -> TextIO:
    """Take the state folder for this process alone, as long as the answer is kept open. Raises Refusal."""
    file = (STATE_DIR / "running").open("a+", buffering=1)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        pid, _, where = file.read().strip().partition(" ")
        raise Refusal(
            f"Rodeo is already running here: process {pid or '?'}, {where or 'still starting'}. Stop it with Ctrl-C in "
            "its terminal, or run a second one: make run PORT=8001 RODEO_STATE_DIR=var/second"
        ) from error
    # Who holds it is for the one who finds it taken; that needs no room on the disk.
    with contextlib.suppress(OSError):
        os.ftruncate(file.fileno(), 0)
        os.write(file.fileno(), f"{os.getpid()} {address}\n".encode())
    return file


def check_port(port: int, patience: float = 0) -> None:
    """Make sure that nobody else serves on this port, waiting up to `patience` seconds. Raises Refusal."""
    deadline = time.monotonic() + patience
    while True:
        problem = _port_problem(port)
        if problem is None:
            return
        if time.monotonic() >= deadline:
            raise Refusal(problem)
        time.sleep(0.1)


def _port_problem(port: int) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            return f"Port {port} needs more rights. Choose one above 1023: make run PORT=8000"
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return f"Port {port} can’t be used ({error.strerror}). Choose another: make run PORT={_free_port(port)}"
            return f"Port {port} is in use. Choose another: make run PORT={_free_port(port)}"
    return None


def _free_port(after: int) -> int:
    for port in range(after + 1, min(after + 50, 65536)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port
    return 0


def python(*words: str) -> list[str]:
    """Return the command that runs Python with these words in this environment."""
    return [sys.executable, *words]


class Stopped(Exception):
    """Somebody asked to stop before everything had started."""


class Portal:
    """The whole portal on one machine."""

    def __init__(self, port: int, out: TextIO) -> None:
        self.port = port
        # Where people do not look; pages name it. Another if that one is taken.
        self.stream_port = _free_port(port + 999 if port < 64000 else port)
        self.address = f"http://{HOST}:{port}/"
        self.console = Console(out)
        self.supervisor = Supervisor(
            self.console, STATE_DIR / "processes.json", obstacle=lambda: storage.problem(STATE_DIR)
        )
        self.broker: Child | None = None

    def run(self) -> int:
        """Run until asked to stop; return the exit code. Raises Refusal if it cannot start at all."""
        self.supervisor.listen()
        try:
            lock = self._patiently(lambda: lock_folder(self.address))
        except Stopped:
            return 0
        left = self.supervisor.sweep()
        check_port(self.port, patience=5 if left else 1)
        try:
            self._start()
            self.supervisor.keep()
        except Stopped:
            pass
        finally:
            self._say("stopping")
            self.supervisor.stop(last=(self.broker,) if self.broker else ())
            self._say("stopped")
            lock.close()
        return 0

    def _say(self, line: str = "") -> None:
        self.console.say("rodeo", line)

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do some work, again and again while the state folder is full or cannot be written to. Raises Stopped."""
        said = ""
        while True:
            if self.supervisor.is_stopping():
                raise Stopped
            try:
                return work()
            except (OSError, DatabaseError) as error:
                found = storage.problem_behind(error, STATE_DIR)
                if not found:
                    raise
                # The supervisor says what it sees itself.
                if found not in (said, self.supervisor.obstacle):
                    self._say(found)
                said = found
            self.supervisor.wait(lambda: False, RETRY_EVERY)

    # In order

    def _start(self) -> None:
        # Empty is as good as none, but for the address of the stream, where it means that there is none.
        os.environ["RODEO_BASE_URL"] = os.environ.get("RODEO_BASE_URL", "").strip() or self.address.rstrip("/")
        os.environ.setdefault("RODEO_EVENTS_URL", f"http://{HOST}:{self.stream_port}/events/")
        self._patiently(self._start_broker)
        self._patiently(self._prepare_database)
        self._patiently(self._collect_static)
        password = self._patiently(self._first_administrator)
        connections.close_all()
        if self.supervisor.is_stopping():
            return
        heartbeat.forget(heartbeat.WORKER, heartbeat.PULLER, heartbeat.BEAT)
        for child in (self._web(), self._live(), self._worker(), self._puller(), self._beat()):
            self.supervisor.start(child)
        while not self.supervisor.wait(self._is_ready, READY_WITHIN):
            if self.supervisor.is_stopping():
                return
            if not self.supervisor.obstacle:
                raise Refusal(f"Not ready after {READY_WITHIN:.0f} s; see the lines above.")
        loading = self._load_sample()
        self._announce(password, loading)

    def _start_broker(self) -> None:
        if read().BROKER_URL:
            self._ping_broker(5, "No broker answers at BROKER_URL. Start it or fix the address")
            return
        path = broker_socket(STATE_DIR)
        try:
            command = broker.embedded(path, STATE_DIR / "broker")
        except broker.NoEmbeddedBroker as error:
            raise Refusal(str(error)) from error
        if self.broker is not None:
            # It began before the disk was full, and is kept.
            return self._ping_broker(20, "The embedded broker didn’t start; see the lines above")
        path.unlink(missing_ok=True)
        self.broker = self.supervisor.start(
            Child("broker", command, on_parent_death=signal.SIGTERM, unsaid=BROKER_CHATTER)
        )
        self._ping_broker(20, "The embedded broker didn’t start; see the lines above")

    def _ping_broker(self, seconds: float, otherwise: str) -> None:
        last_error: list[str] = []

        def answers() -> bool:
            try:
                with client(settings.BROKER_URL, timeout=1) as connected:
                    return bool(connected.ping())
            except (redis.RedisError, ValueError, OSError) as error:
                last_error[:] = [f" ({error})"]
                return False

        while not self.supervisor.wait(answers, seconds):
            if self.supervisor.is_stopping():
                raise Stopped
            if self.broker is not None and self.supervisor.obstacle:
                continue
            raise Refusal(f"{otherwise}{last_error[0] if last_error else ''}.")

    def _prepare_database(self) -> None:
        if new := _new_database():
            self._say("preparing the database")
            with _under_another_name(new):
                call_command("migrate", interactive=False, verbosity=0)
            return
        try:
            executor = MigrationExecutor(connection)
        except DatabaseError as error:
            if storage.problem_behind(error, STATE_DIR):
                raise
            raise Refusal(f"The database doesn’t answer: {str(error).strip()}. Start it or fix DATABASE_URL.") from None
        count = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if count:
            self._say(f"preparing the database ({count} migrations)")
            call_command("migrate", interactive=False, verbosity=0)

    def _collect_static(self) -> None:
        # A file that was being copied when Rodeo was stopped looks as new as a whole one: then all are copied again.
        whole = STATE_DIR / "static.whole"
        again = not whole.exists()
        whole.unlink(missing_ok=True)
        call_command("collectstatic", interactive=False, verbosity=0, clear=again)
        whole.touch()

    def _first_administrator(self) -> str | None:
        """Make the first account if there is none. Return its password while it is still the one made here."""
        users, path = get_user_model().objects, STATE_DIR / "first_password"
        if not users.exists():
            users.create_superuser(FIRST_ADMINISTRATOR, "", kept_secret(path, size=12))
        first = users.filter(username=FIRST_ADMINISTRATOR).first()
        if first is None or not path.exists():
            return None
        password = kept_secret(path)
        return password if first.check_password(password) else None

    # The processes

    def _web(self) -> Child:
        command = python(
            "-m", "gunicorn", "portal.wsgi", "-c", "python:portal.ops.gunicorn", "--bind", f"{HOST}:{self.port}"
        )
        return Child("web", command, signals=((signal.SIGTERM, 4.0),), on_parent_death=signal.SIGTERM)

    def _live(self) -> Child:
        command = python(
            "-m",
            "gunicorn",
            "portal.live.asgi",
            "-c",
            "python:portal.live.gunicorn",
            "--bind",
            f"{HOST}:{self.stream_port}",
        )
        return Child("live", command, signals=((signal.SIGTERM, 4.0),), on_parent_death=signal.SIGTERM)

    def _worker(self) -> Child:
        return self._celery("worker", "celery", "--pool", "prefork", "--concurrency", "2")

    def _puller(self) -> Child:
        # Pulls wait for other machines most of the time: threads wait cheaply.
        return self._celery("puller", "pulls", "--pool", "threads", "--concurrency", "8")

    def _celery(self, name: str, queue: str, *pool: str) -> Child:
        command = python(
            # Celery warns whoever runs it as root, at length. In a container of its own that is nobody's mistake.
            "-W",
            "ignore::UserWarning:celery.platforms",
            "-m",
            "celery",
            "-A",
            "portal.celery",
            "--quiet",
            "worker",
            "--queues",
            queue,
            *pool,
            "--without-gossip",
            "--without-mingle",
            "--loglevel",
            "WARNING",
            "--hostname",
            f"{name}@%h",
        )
        # First it may end its tasks; then it drops them, and the broker hands them out again at the next start.
        return Child(name, command, signals=((signal.SIGTERM, 3.0), (signal.SIGQUIT, 1.0)), unsaid=("Warm shutdown",))

    def _beat(self) -> Child:
        return Child(
            "beat",
            python("-m", "celery", "-A", "portal.celery", "--quiet", "beat", "--loglevel", "WARNING", "--pidfile="),
        )

    def _load_sample(self) -> bool:
        """Have the sample company loaded into an empty portal. It travels through the inbox, so it needs the worker."""
        if not read().RODEO_SAMPLE or "load_sample" not in get_commands():
            return False
        self.supervisor.start(Child("sample", python("manage.py", "load_sample", "--if-empty"), once=True))
        return True

    # Telling

    def _is_ready(self) -> bool:
        for child in self.supervisor.children:
            if child.deaths >= GIVE_UP_AFTER:
                raise Refusal(f"{child.name} ended {child.deaths} times while starting; see the lines above.")
        if not self._asked(self.stream_port, "/healthz").get("alive"):
            return False
        # What else somebody must look at is no reason not to start: failed mail, say, or a disk that fills up.
        checks = self._asked(self.port, "/status").get("checks", {})
        return bool(checks) and all(checks.get(name, {}).get("ok") for name in NEEDED)

    def _asked(self, port: int, path: str) -> dict[str, Any]:
        """Return what a process of ours answers; nothing while it does not."""
        hosts = settings.ALLOWED_HOSTS
        host = HOST if HOST in hosts or "*" in hosts else hosts[0].lstrip(".")
        asked = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            asked.request("GET", path, headers={"Host": host})
            answer = json.loads(asked.getresponse().read())
            return answer if isinstance(answer, dict) else {}
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            asked.close()

    def _announce(self, password: str | None, loading: bool) -> None:
        self._say()
        self._say(f"Rodeo is ready: {self.address}")
        if password:
            self._say(f"Sign in as “{FIRST_ADMINISTRATOR}” with the password “{password}”")
            self._say(f"(saved in {_short(STATE_DIR / 'first_password')} until you change it)")
        else:
            self._say("Sign in with your account. Forgot the password? .venv/bin/python manage.py changepassword NAME")
        if loading:
            self._say("If it’s empty, a sample company is loading now. Its boards fill within seconds.")
        self._say("Stop everything with Ctrl-C.")
        self._say()


def _new_database() -> Path | None:
    """Return the file of the embedded database if there is none yet."""
    if connection.vendor != "sqlite":
        return None
    path = Path(connection.settings_dict["NAME"])
    return path if not path.exists() or not path.stat().st_size else None


@contextlib.contextmanager
def _under_another_name(path: Path) -> Iterator[None]:
    """Have a database made beside its place and put there when it is whole: one that was interrupted begins anew."""
    begun = path.with_name(f"{path.name}.new")
    for ending in ("", "-wal", "-shm", "-journal"):
        Path(f"{begun}{ending}").unlink(missing_ok=True)
    connection.close()
    connection.settings_dict["NAME"] = str(begun)
    try:
        yield
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
        connection.settings_dict["NAME"] = str(path)
    os.replace(begun, path)


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(BASE_DIR))
    except ValueError:
        return str(path)


def up(port: str, out: Any) -> int:
    """Run the portal on this port until asked to stop. Returns the exit code; a refusal is said and gives 1."""
    try:
        return Portal(the_port(port), out).run()
    except Refusal as refusal:
        Console(out).say("rodeo", str(refusal))
        return 1
