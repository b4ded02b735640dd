"""docs/api.md: every call works as it is written, and there is one for every resource."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from portal.accounts.actions import make_token
from portal.kernel.api_schema import ServedSchema
from squads.models import Squad

from .permissions import world

TEXT = (Path(__file__).resolve().parents[2] / "docs/api.md").read_text()
CALLS = re.findall(r"^    (curl .+)$", TEXT, re.M)


def path_of(call: str) -> str:
    found = re.search(r"\$RODEO(/api/v1/[^\s\"?]*)", call)
    assert found, f"no address in: {call}"
    return found[1]


def test_every_resource_has_a_call() -> None:
    paths = [path_of(call) for call in CALLS]
    missing = []
    for path, operations in ServedSchema().get_schema()["paths"].items():
        if not path.startswith("/api/v1/"):
            continue
        first = "/".join(path.split("/")[:4])
        collection = {"get", "post"} <= operations.keys()
        pattern = re.sub(r"\{\w+\}", "[^/]+", path)
        if not any(each.startswith(f"{first}/") for each in paths):
            missing.append(first)
        elif collection and not any(re.fullmatch(pattern, each) for each in paths):
            missing.append(path)
    assert not missing, f"docs/api.md shows no call for {sorted(set(missing))}"


def test_the_example_of_an_error_is_a_real_one(as_ana: Client, payments: Squad) -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", TEXT, re.S)
    answer = as_ana.post("/api/v1/stories/", {"squad": "payments", "titel": "Pay"}, content_type="application/json")
    assert json.loads(answer.content) == json.loads(shown)


@pytest.mark.skipif(not shutil.which("curl") and not os.environ.get("CI"), reason="curl is not installed")
# Some calls name rows by their numbers, which begin with 1.
@pytest.mark.django_db(transaction=True, reset_sequences=True)
def test_every_call_works_as_it_is_written(live_server: LiveServer, tmp_path: Path) -> None:
    made = world()
    root: Any = made.people["administrator"]
    (tmp_path / "stories.csv").write_text("Key,Title\nA-1,Pay by card\n")
    (tmp_path / "log.txt").write_text("All well.\n")
    # What curl reads beside its arguments: the status is what this test looks at.
    (tmp_path / ".curlrc").write_text('silent\nwrite-out = "\\n%{http_code}"\n')
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "RODEO": live_server.url,
        "TOKEN": make_token(by=root, user=root, name="docs", scopes=["read", "write"], days=7)[1],
        "REPORT_TOKEN": make_token(by=made.people["lead"], name="CI", scopes=["report"], days=7, squad=made.squad)[1],
    }
    wrong = []
    for call in CALLS:
        done = subprocess.run(  # noqa: S603
            ["/bin/sh", "-c", call], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        body, _, status = done.stdout.rpartition("\n")
        creates = ("--json" in call or " -F " in call) and "PATCH" not in call
        if status not in (("201", "202", "200") if creates else ("200",)):
            wrong.append(f"{call}\n{status} {body[:300]} {done.stderr}")
    assert not wrong, "\n".join(wrong)
    assert len(CALLS) > 35
