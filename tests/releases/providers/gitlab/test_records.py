"""What becomes of each record that a pull keeps, and which names of fields are read at all."""

import ast
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from releases.providers.base import Message
from releases.providers.facts import Seen
from releases.providers.gitlab import fields, translators
from releases.providers.gitlab.webhook import translate

HERE = Path(__file__).parent
SHA = "4f5e6d7c8b9a00112233445566778899aabbccdd"
HOME = "https://gitlab.example/shop/checkout"
# The functions through which payloads are read; each takes names of fields.
READING = {"text_in", "object_in", "first_moment", "get"}


def facts_of(kind: str, document: Any) -> list[Seen]:
    return translate(kind, Message({}, json.dumps(document).encode()), {}) or []


def only(payload: str, /, **changes: Any) -> Any:
    """Return the one fact of a payload, some of its fields changed."""
    document = json.loads((HERE / f"{payload}.json").read_text())
    document.get("object_attributes", document).update(changes)
    (fact,) = facts_of(payload.partition("__")[0].replace("pull_", "pull."), document)
    return fact


def at(hour: int, minute: int) -> datetime:
    return datetime(2026, 1, 31, hour, minute, tzinfo=UTC)


def test_a_deployment_of_a_tag_has_its_jobs_start_and_address_and_the_tag_as_version() -> None:
    deployment = only("pull_deployment__of_a_tag")
    assert (deployment.key, deployment.environment) == ("gitlab.example|deployment|15", "production")
    assert (deployment.version, deployment.sha, deployment.url) == ("5.10", SHA, f"{HOME}/-/jobs/796")
    assert (deployment.started_at, deployment.finished_at) == (at(12, 3), at(12, 4))
    assert only("pull_deployment__of_a_tag", finished_at="2026-01-31T12:04:30Z").at.second == 30
    assert only("pull_deployment__of_a_tag", deployable=None).at == at(12, 5)
    assert only("pull_deployment__of_a_tag", deployable=None, updated_at=None).at == at(12, 2)


def test_a_deployment_that_is_pushed_leads_to_its_job() -> None:
    assert only("deployment__success").url == f"{HOME}/-/jobs/796"


def test_a_deployments_commit_is_the_fullest_sha_that_anything_tells() -> None:
    assert only("pull_deployment__of_a_tag", sha="e" * 40).sha == "e" * 40
    assert only("pull_deployment__of_a_tag", sha=None).sha == SHA
    assert only("pull_deployment__of_a_tag", sha=None, deployable=None, short_sha=SHA[:8]).sha == SHA[:8]


@pytest.mark.parametrize(
    "told",
    [
        {"deployable": {"pipeline": {"web_url": f"{HOME}/-/pipelines/31"}}},
        {"deployable": {"web_url": f"{HOME}/-/jobs/796"}},
        {"deployable": None, "deployable_url": f"{HOME}/-/jobs/796"},
        {"deployable": None, "commit_url": f"{HOME}/-/commit/{SHA}"},
    ],
)
def test_a_deployment_without_its_project_is_of_the_one_in_the_addresses_near_it(told: dict[str, Any]) -> None:
    deployment = only("pull_deployment__of_a_tag", _project=None, **told)
    assert (deployment.repository, deployment.key) == ("shop/checkout", "gitlab.example|deployment|15")


def test_a_job_of_a_child_pipeline_names_no_commit_and_its_repository_stands_in_for_the_project() -> None:
    run = only("build__of_a_child")
    assert (run.key, run.repository, run.sha) == ("gitlab.example|pipeline|33", "shop/checkout", "")
    assert run.at == at(12, 1) and only("build__of_a_child", build_started_at=None).at == at(12, 0)
    assert only("build__of_a_child", build_finished_at="2026-01-31 12:02:00 UTC").at == at(12, 2)


def test_a_squashed_merge_request_is_its_squash_with_author_address_and_originals() -> None:
    change = only("pull_merge_request__squashed")
    assert (change.key, change.repository, change.url) == (SHA, "shop/checkout", f"{HOME}/-/merge_requests/5")
    assert (change.subject, change.author, change.merged_at) == ("PAY-12 Refund in parts", "Ana", at(11, 59))
    assert change.commits == (("d" * 40, datetime(2026, 1, 29, 9, tzinfo=UTC)),)
    only_created = [{"id": "d" * 40, "created_at": "2026-01-29T10:00:00.000+01:00"}]
    assert only("pull_merge_request__squashed", _commits=only_created).commits == change.commits
    assert only("pull_merge_request__squashed", author={"username": "ana"}).author == "ana"
    assert only("pull_merge_request__squashed", merged_at=None).at == at(12, 1)
    assert only("pull_merge_request__squashed", merged_at=None, updated_at=None).at == datetime(
        2026, 1, 30, 9, tzinfo=UTC
    )
    fast_forwarded = only("pull_merge_request__squashed", squash_commit_sha=None, squash=False)
    assert (fast_forwarded.key, fast_forwarded.commits) == ("d" * 40, ())
    assert only("pull_merge_request__squashed", state="", action="merge").key == SHA


def test_a_closed_issue_is_a_closed_ticket_and_one_that_moved_is_gone() -> None:
    ticket = only("pull_issue__closed")
    assert (ticket.key, ticket.url, ticket.author) == ("shop/checkout#23", f"{HOME}/-/issues/23", "Ana")
    assert (ticket.raw_status, ticket.closed, ticket.body) == ("closed", True, "By a cent.")
    assert (ticket.type_name, ticket.type, ticket.labels) == ("incident", "defect", ("money",))
    assert (ticket.at, ticket.created_at, ticket.closed_at) == (at(10, 0), at(9, 0), at(9, 59))
    assert only("pull_issue__closed", updated_at=None).at == at(9, 0)
    assert only("pull_issue__closed", issue_type=None).type_name == "ISSUE"
    assert only("pull_issue__closed", author={"username": "ana"}).author == "ana"
    assert only("pull_issue__closed", moved_to_id=302).gone == "moved" and ticket.gone == ""
    assert only("issue__opened").url == f"{HOME}/-/issues/23"
    confidential = {**json.loads((HERE / "issue__opened.json").read_text()), "event_type": "confidential_issue"}
    assert facts_of("issue", confidential) == []


def test_a_release_of_the_api_is_known_by_its_links_where_its_project_is_not_told() -> None:
    artifact = only("pull_release__published", _project=None)
    assert artifact.key == "pkg:gitlab/shop/checkout@5.10?repository_url=gitlab.example"
    assert (artifact.at, artifact.published_at, artifact.sha) == (at(13, 0), at(13, 5), SHA)
    assert only("release__created", project=None).key == artifact.key


def test_an_environment_is_told_and_a_review_app_is_not_before_something_runs_there() -> None:
    environment = only("pull_environment__available")
    assert (environment.key, environment.name) == ("production", "production")
    assert environment.at == datetime(2026, 1, 1, 8, tzinfo=UTC)
    assert only("pull_environment__available", created_at=None).at == at(8, 0)
    assert only("pull_environment__available", name="eu/production").key == "eu/production"
    passing = json.loads((HERE / "pull_environment__available.json").read_text())
    assert facts_of("pull.environment", {**passing, "name": "review/pay-12", "tier": "development"}) == []
    assert facts_of("pull.environment", {**passing, "state": "stopped"}) == []


def test_a_pipeline_without_a_name_or_an_address_has_its_source_and_its_projects_address() -> None:
    run = only("pipeline__success", name=None, finished_at=None, updated_at="2026-01-31 12:05:00 UTC")
    assert (run.pipeline, run.url, run.finished_at) == ("push", f"{HOME}/-/pipelines/31", at(12, 5))
    assert only("pipeline__success", url="https://gitlab.example/p/31").url == "https://gitlab.example/p/31"
    assert only("pipeline__success", started_at="2026-01-31 12:01:00 UTC").started_at == at(12, 1)
    assert only("pipeline__success", status="running", updated_at="2026-01-31 12:02:00 UTC").at == at(12, 2)


def test_a_gitlab_below_a_path_of_its_host_calls_its_projects_without_that_path() -> None:
    project = {"web_url": "https://tools.example/gitlab/shop/checkout", "path_with_namespace": "shop/checkout"}
    assert only("pull_deployment__of_a_tag", _project=project).repository == "shop/checkout"


def test_a_pushed_commit_has_its_author_and_address() -> None:
    document = json.loads((HERE / "push__to_main.json").read_text())
    _, second = facts_of("push", document)
    assert (second.data()["author"], second.data()["url"]) == ("Bo", f"{HOME}/-/commit/{SHA}")
    # The title stands in for a message that is not told, the homepage for the name of the project and its address.
    document["commits"][0] |= {"message": "", "title": "PAY-12 By title"}
    del document["project"]["web_url"], document["project"]["path_with_namespace"]
    first, _ = facts_of("push", document)
    assert (first.data()["subject"], first.data()["repository"]) == ("PAY-12 By title", "shop/checkout")


def test_every_field_that_is_read_is_in_a_payload() -> None:
    """A misspelt name is a field that says nothing, for ever: neither the type checker nor an error would tell."""
    read = {
        given.value
        for module in (translators, fields)
        for call in ast.walk(ast.parse(Path(module.__file__).read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in READING
        for given in call.args
        if isinstance(given, ast.Constant) and isinstance(given.value, str)
    }
    sent: set[str] = set()
    for path in HERE.glob("*__*.json"):
        json.loads(path.read_text(), object_pairs_hook=lambda pairs: sent.update(name for name, _ in pairs))
    assert len(read) > 60
    assert read - sent == set()
