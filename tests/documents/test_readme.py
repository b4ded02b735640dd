"""README.md, done as written: what somebody types who meets Rodeo for the first time."""

import base64
import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.documents.blocks import blocks
from tests.documents.releases import ROOT
from tests.portal.ops.test_up import alive, offspring
from tests.ports import free_port

BLOCKS = {block.section: block.text for block in blocks(ROOT / "README.md")}


def repository(folder: Path) -> Path:
    """A repository of the company, with a release."""

    def git(*words: str) -> None:
        people = {"GIT_AUTHOR_NAME": "Ana", "GIT_AUTHOR_EMAIL": "ana@example.org"}
        people |= {"GIT_COMMITTER_NAME": "Ana", "GIT_COMMITTER_EMAIL": "ana@example.org"}
        environment = {**os.environ, **people, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", "-C", str(folder), *words], env=environment, check=True, capture_output=True)

    folder.mkdir()
    git("init", "--quiet", "--initial-branch", "main")
    git("commit", "--quiet", "--allow-empty", "--message", "PAY-1 pay once")
    git("tag", "v77.1")
    return folder


def api(port: int, password: str, path: str) -> Any:
    """Ask the API; None while there is nothing at this path."""
    login = base64.b64encode(f"rodeo:{password}".encode()).decode()
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/{path}", headers={"Authorization": f"Basic {login}"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
        return None


def test_there_are_no_other_commands_than_these() -> None:
    assert set(BLOCKS) == {"Try it", "Connect your own"}
    commands = [line.split("#")[0].strip() for line in BLOCKS["Try it"].splitlines()]
    # The second is the command that runs this test.
    assert commands == ["make run", "make test"]
    assert len(BLOCKS["Connect your own"].splitlines()) == 1


@pytest.mark.only_on("sqlite")
def test_the_portal_starts_shows_how_to_sign_in_takes_a_repository_and_stops(tmp_path: Path) -> None:
    port = free_port()
    ours = ("RODEO_", "DJANGO_", "DATABASE_URL", "BROKER_URL", "PYTEST_", "MAKE", "MFLAGS")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {"PORT": str(port), "RODEO_STATE_DIR": str(tmp_path / "state")}
    run, _ = BLOCKS["Try it"].splitlines()
    process = subprocess.Popen(
        ["sh", "-c", run],
        cwd=ROOT,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said = ""
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if "Stop everything with Ctrl-C" in line:
                break
        password = re.search(r"Sign in as “rodeo” with the password “(.+)”", said)
        assert password is not None, said
        # The sample company's squads are there after a moment.
        wait_until(lambda: api(port, password[1], "squads/payments/"), 60, "the sample company has its squads")

        connect = BLOCKS["Connect your own"].replace("PATH-OR-URL", str(repository(tmp_path / "shop")))
        done = subprocess.run(
            ["sh", "-c", connect], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        wait_until(
            lambda: "77.1" in json.dumps(api(port, password[1], "releases/?page_size=200")), 60, "its release is there"
        )
    finally:
        everything = offspring(process.pid)
        # As a terminal sends it: to make and to all that it started.
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=120)
    assert "stopped" in rest
    assert len(everything) >= 5
    assert alive(everything) == set()
