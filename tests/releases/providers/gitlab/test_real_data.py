"""GitLab's payloads and answers that nobody here wrote."""

import json
from pathlib import Path
from typing import Any

import pytest

from releases.providers.base import Message
from releases.providers.facts import ChangeMerged, DeploymentSeen, RunSeen, Seen
from releases.providers.gitlab.fields import moment
from releases.providers.gitlab.webhook import label, translate


def rows(real_data: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (real_data / "rest" / name).read_text().splitlines() if line.strip()]


def read(kind: str, row: dict[str, Any]) -> Any:
    (fact,) = translate(f"pull.{kind}", Message({}, json.dumps(row).encode()), {}) or []
    return fact


def webhooks(real_data: Path) -> dict[str, list[Seen] | None]:
    found = {}
    for path in sorted((real_data / "webhooks" / "gitlab").glob("*.json")):
        message = Message({}, path.read_bytes())
        found[path.stem] = translate(label(message).kind, message, {})
    return found


def test_every_webhook_is_read_without_an_error(real_data: Path) -> None:
    found = webhooks(real_data)
    (run,) = found["pipeline"] or []
    assert isinstance(run, RunSeen) and (run.outcome, run.sha) == (
        "success",
        "bcbb5ec396a2c0f828686f14fac9b80b780504f2",
    )
    (deployed,) = found["deployment"] or []
    assert isinstance(deployed, DeploymentSeen)
    assert (deployed.sha, deployed.environment) == ("279484c09fbe69ededfced8c1bb6e6d24616b468", "staging")
    assert deployed.finished_at == moment("2021-04-28T19:50:00Z")
    (merged,) = found["group_merge_request"] or []
    assert isinstance(merged, ChangeMerged) and merged.key == "ac3ca1559bc39abf963586372eff7f8fdded646e"


def test_every_pipeline_of_the_api_is_a_run(real_data: Path) -> None:
    given = rows(real_data, "gitlab_api_pipeline.jsonl")
    found = [read("pipeline", row) for row in given]
    assert len({each.key for each in found}) == len(given)
    for row, run in zip(given, found, strict=True):
        assert (run.sha, run.raw_status, run.at) == (
            row["sha"],
            row["status"],
            moment(row["updated_at"] or row["created_at"]),
        )
        assert run.repository == "merico-dev/ee/charts" and run.outcome != "unknown"


def test_every_deployment_of_the_api_is_one(real_data: Path) -> None:
    given = rows(real_data, "gitlab_api_deployments.jsonl")
    found = [read("deployment", row) for row in given]
    assert len({each.key for each in found}) == len(given)
    known = {
        "success": "success",
        "failed": "failure",
        "canceled": "cancelled",
        "created": "",
        "running": "",
        "blocked": "",
    }
    for row, one in zip(given, found, strict=True):
        assert (one.sha, one.environment) == (row["sha"], row["environment"]["name"])
        assert one.outcome == known.get(row["status"], "unknown") and one.raw_status == row["status"]
        assert one.repository == "merico-dev/ee/vdev.co"


def test_every_merged_merge_request_of_the_api_is_a_change(real_data: Path) -> None:
    for row in rows(real_data, "gitlab_api_merge_requests.jsonl"):
        found = translate("pull.merge_request", Message({}, json.dumps(row).encode()), {}) or []
        shas = {row["merge_commit_sha"], row["squash_commit_sha"]} - {None} if row["state"] == "merged" else set()
        assert {each.key for each in found} == shas
        for each in found:
            assert isinstance(each, ChangeMerged)
            assert each.repository == row["references"]["full"].partition("!")[0]
            assert each.merged_at == moment(row["merged_at"])


@pytest.mark.parametrize("text", ["2021-04-28 21:50:00 +0200", "2021-04-28 19:50:00 UTC", "2021-04-28T19:50:00.000Z"])
def test_each_spelling_of_a_moment_is_the_same_moment(text: str) -> None:
    read_ = moment(text)
    assert read_ is not None and read_.isoformat() == "2021-04-28T19:50:00+00:00"
