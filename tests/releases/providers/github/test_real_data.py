"""GitHub's answers that nobody here wrote."""

import json
from pathlib import Path
from typing import Any

from releases.providers import parse
from releases.providers.base import Message
from releases.providers.facts import ChangeMerged, DeploymentSeen, RunSeen
from releases.providers.github.fields import REPOSITORY, STATUSES, slim
from releases.providers.github.webhook import translate

ENDED = {
    "success": "success",
    "failure": "failure",
    "cancelled": "cancelled",
    "skipped": "skipped",
    "timed_out": "error",
    "startup_failure": "error",
    "neutral": "unknown",
    "stale": "unknown",
}


def rows(real_data: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (real_data / "rest" / name).read_text().splitlines() if line.strip()]


def read(kind: str, row: dict[str, Any]) -> Any:
    return translate(f"pull.{kind}", Message({}, json.dumps(slim(row)).encode()), {}) or []


def test_every_run_is_read_with_its_status_sha_and_times(real_data: Path) -> None:
    given = rows(real_data, "github_api_runs.jsonl")
    assert len(given) > 30
    for row in given:
        (fact,) = read("workflow_run", row)
        assert isinstance(fact, RunSeen)
        assert fact.key == f"github.com|run|{row['id']}" and fact.sha == row["head_sha"]
        assert fact.repository == row["repository"]["full_name"] and fact.url == row["html_url"]
        assert fact.outcome == ENDED.get(row["conclusion"] or "", "")
        assert fact.at == parse.moment(row["updated_at"])
        assert fact.finished_at == (fact.at if fact.outcome else None)
        if fact.phase in ("running", "finished"):
            assert fact.started_at == parse.moment(row["run_started_at"])


def test_every_merged_pull_request_is_read_and_no_other(real_data: Path) -> None:
    given = rows(real_data, "github_api_pull_requests.jsonl")
    merged = [row for row in given if row["merged_at"]]
    found = [fact for row in given for fact in read("pull_request", row)]
    assert len(found) == len(merged) > 20
    for row, fact in zip(merged, found, strict=True):
        assert isinstance(fact, ChangeMerged)
        assert (fact.key, fact.merged_at) == (row["merge_commit_sha"], parse.moment(row["merged_at"]))
        assert ("branch", row["head"]["ref"]) in fact.texts


def test_every_deployment_is_read_and_a_superseded_one_keeps_how_it_ended(real_data: Path) -> None:
    given = rows(real_data, "github_graphql_deployment.jsonl")
    for row in given:
        statuses = [
            {"state": each["state"].lower(), "created_at": each["updatedAt"]}
            for each in (row.get("Statuses") or {}).get("nodes") or ()
        ]
        facts = read(
            "deployment",
            {
                "id": row["DatabaseId"],
                "sha": row["CommitOid"],
                "environment": row["Environment"],
                "created_at": row["CreatedAt"],
                STATUSES: statuses,
                REPOSITORY: {"html_url": row["Repository"]["Url"], "full_name": "facebook/OpenBIC"},
            },
        )
        assert {fact.sha for fact in facts} == {row["CommitOid"]} and isinstance(facts[0], DeploymentSeen)
        ended = [each for each in statuses if each["state"] == "success"]
        finished = [fact for fact in facts if fact.phase == "finished"]
        assert [(each.outcome, each.finished_at) for each in finished] == [
            ("success", parse.moment(each["created_at"])) for each in ended
        ]
    assert given
