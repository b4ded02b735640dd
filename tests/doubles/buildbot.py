"""A real Buildbot: a master with its database and web interface, and a worker that builds a real git repository.

Both are processes of their own in a folder of the test, on ports of 127.0.0.1, and end with it. Commits are announced by
the master's change hook, as a hook of the repository would.
"""

import json
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from portal.ops.parent_death import tied_to_parent
from tests.conftest import wait_until
from tests.ports import free_port

PROGRAMS = Path(sys.executable).parent
BUILDER = "checkout-main"
CONFIGURATION = """
from buildbot.plugins import reporters, schedulers, steps, util, worker

every_build = reporters.BuildStatusGenerator(
    mode="all", report_new=True,
    message_formatter=reporters.MessageFormatterFunction(lambda context: context["build"], "json", want_properties=True),
)
factory = util.BuildFactory([
    steps.Git(repourl=util.Property("repository"), mode="full", method="fresh", haltOnFailure=True),
    steps.ShellCommand(name="test", command=["sh", "-c", "test ! -e broken && test ! -e odd || exit 1"]),
    steps.ShellCommand(name="lint", command=["sh", "-c", "test ! -e untidy"], flunkOnFailure=False, warnOnFailure=True),
])
BuildmasterConfig = {{
    "title": "Builds", "titleURL": "{url}", "buildbotURL": "{url}", "buildbotNetUsageData": None,
    "db": {{"db_url": "sqlite:///state.sqlite"}},
    "protocols": {{"pb": {{"port": "tcp:{pb}:interface=127.0.0.1"}}}},
    "workers": [worker.Worker("worker", "password")],
    "schedulers": [schedulers.AnyBranchScheduler(name="any", builderNames=["{builder}"], treeStableTimer=None)],
    "builders": [util.BuilderConfig(name="{builder}", workernames=["worker"], factory=factory)],
    "www": {{"port": "tcp:{www}:interface=127.0.0.1", "plugins": {{}}, "change_hook_dialects": {{"base": True}}}},
    "services": [reporters.HttpStatusPush(serverUrl="{hook}", auth=("rodeo", "{secret}"), generators=[every_build])],
}}
"""


class Buildbot:
    """A running master and worker. `url` is its web interface."""

    def __init__(self, folder: Path, hook: str, secret: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        www, pb = free_port(), free_port()
        self.url = f"http://127.0.0.1:{www}/"
        self._run("buildbot", "create-master", "--relocatable", "--db=sqlite:///state.sqlite", "master")
        self._run("buildbot-worker", "create-worker", "worker", f"127.0.0.1:{pb}", "worker", "password")
        text = CONFIGURATION.format(url=self.url, pb=pb, www=www, builder=BUILDER, hook=hook, secret=secret)
        (folder / "master" / "master.cfg").write_text(text)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(PROGRAMS / program), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()

    def start(self, what: str) -> "subprocess.Popen[bytes]":
        """Start the master or the worker in the foreground of a process of its own."""
        command = [str(PROGRAMS / "twistd"), "--nodaemon", "--pidfile=", "--no_save", "-y", "buildbot.tac"]
        with (self.folder / f"{what}.log").open("wb") as log:
            return subprocess.Popen(
                tied_to_parent(command, signal.SIGKILL), cwd=self.folder / what, stdout=log, stderr=log
            )

    def api(self, path: str) -> Any:
        """Ask the master's REST API; None while nobody answers, or breaks off while it starts."""
        request = urllib.request.Request(f"{self.url}api/v2/{path}", headers={"Accept": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer)
        except (OSError, HTTPException):
            return None

    def has_worker(self) -> bool:
        """Say whether the worker has found its master."""
        workers = (self.api("workers") or {}).get("workers", [])
        return bool(workers and workers[0]["connected_to"])

    def announce(self, repository: str, sha: str, *, branch: str = "main", comments: str = "Work") -> None:
        """Tell the master of a commit, as a hook of the repository does."""
        said = {
            "repository": repository,
            "revision": sha,
            "branch": branch,
            "comments": comments,
            "author": "Ana <ana@example.org>",
            "project": "shop",
        }
        request = urllib.request.Request(f"{self.url}change_hook/base", urlencode(said).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def log(self) -> str:
        """Return what the master wrote last, for a test that fails."""
        file = self.folder / "master" / "twistd.log"
        return file.read_text()[-5000:] if file.exists() else "no log"


@contextmanager
def running(folder: Path, hook: str, secret: str) -> Iterator[Buildbot]:
    """Run a Buildbot in a folder; it tells `hook` of its builds, with `secret` as the password."""
    bot = Buildbot(folder, hook, secret)
    processes = [bot.start("master"), bot.start("worker")]
    try:
        wait_until(bot.has_worker, 20, f"the worker builds for its master; {bot.log()}")
        yield bot
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
