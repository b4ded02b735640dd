"""docs/deployment-checks.md: what it shows works as it is written."""

import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from releases.models import Release
from tests.conftest import ROOT
from tests.releases.deployment_checks.conftest import SHA

TEXT = (ROOT / "docs" / "deployment-checks.md").read_text()
(LINE,) = re.findall(r"^    (curl .+)$", TEXT, re.M)
(GROOVY,) = re.findall(r"```groovy\n.*?sh '''\n(.*?)'''", TEXT, re.S)
CANARY, TEMPLATE = (yaml.safe_load(each) for each in re.findall(r"```yaml\n(.*?)```", TEXT, re.S))
Make = Callable[[bool], None]


@pytest.mark.django_db(transaction=True)
def test_the_shell_lines_stop_the_job_unless_the_answer_is_ready(
    live_server: LiveServer, token: str, make_ready: Make
) -> None:
    def job(line: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin:/bin", "RODEO_CHECK_TOKEN": token, "GIT_COMMIT": SHA, "RODEO": live_server.url}
        command = ["sh", "-ec", f"{line}\necho; echo deployed"]
        return subprocess.run(command, env=environment | more, capture_output=True, text=True, check=False)

    for line in (LINE, GROOVY):
        make_ready(False)
        done = job(line)
        assert done.returncode == 22 and "deployed" not in done.stdout and "Not ready." in done.stdout, done.stderr
        make_ready(True)
        assert job(line).stdout.endswith("deployed\n")
    assert job(LINE, RODEO_CHECK_TOKEN="check_no").returncode == 22
    assert job(LINE, RODEO="http://127.0.0.1:1").returncode not in (0, 22), "nobody answers"


@pytest.mark.django_db
def test_the_canary_of_flagger_is_answered(client: Client, token: str, make_ready: Make) -> None:
    (hook,) = CANARY["spec"]["analysis"]["webhooks"]
    path = "/" + hook["url"].split("/", 3)[3]
    metadata = {**hook["metadata"], "token": token}
    body = {"name": "checkout", "namespace": "shop", "phase": "Waiting", "checksum": "x", "metadata": metadata}
    for ready, status in ((True, 200), (False, 412)):
        make_ready(ready)
        assert client.post(path, body, content_type="application/json").status_code == status
    assert hook["metadata"]["commit"] == SHA


@pytest.mark.django_db
def test_the_analysis_template_of_argo_rollouts_asks(client: Client, token: str, release: Release) -> None:
    (metric,) = TEMPLATE["spec"]["metrics"]
    web: dict[str, Any] = metric["provider"]["web"]
    path = "/" + web["url"].split("/", 3)[3].replace("{{args.commit}}", SHA)
    (header,) = web["headers"]
    answer = client.get(path, headers={header["key"]: header["value"].replace("{{args.token}}", token)})
    assert answer.status_code == 200
    # What its JSONPath finds.
    result = answer.json()[web["jsonPath"].strip("{}").removeprefix("$.")]
    assert result in [*re.findall(r'"(\w+)"', metric["successCondition"] + metric["failureCondition"]), "inconclusive"]
