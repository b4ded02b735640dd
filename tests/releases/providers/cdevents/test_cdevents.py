"""What becomes of each CDEvent, in the words of each version of its specification."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from releases.providers.base import Message
from releases.providers.cdevents.webhook import label, translate
from releases.providers.facts import MakesNothing, Seen, Unreadable

FIXTURES = Path(__file__).parent / "fixtures"
SHA = "4f5e6d7c8b9a00112233445566778899aabbccdd"
PURL = "pkg:oci/checkout@sha256%3A0f1e2d3c"
AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


def document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return loaded


def facts(name: str) -> list[Seen] | None:
    return translate("", Message({}, (FIXTURES / f"{name}.json").read_bytes()), {})


def only(name: str) -> Any:
    found = facts(name)
    assert found is not None and len(found) == 1
    return found[0]


def read(document: Any, **headers: str) -> list[Seen] | None:
    return translate("", Message(headers, json.dumps(document).encode()), {})


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_every_fixture_says_the_same_bare_structured_and_binary(path: Path) -> None:
    bare = json.loads(path.read_text())
    context = bare["context"]
    cloud = {"specversion": "1.0", "id": context["id"], "source": context["source"], "type": context["type"]}

    def outcome(body: Any, **headers: str) -> Any:
        try:
            found = read(body, **headers)
        except (Unreadable, MakesNothing) as error:
            return str(error)
        return None if found is None else [(each.kind, each.key, each.at, each.data()) for each in found]

    expected = outcome(bare)
    assert outcome({**cloud, "data": bare}) == expected
    assert outcome({**cloud, "data_base64": base64.b64encode(json.dumps(bare).encode()).decode()}) == expected
    assert outcome(bare, **{f"ce-{name}": value for name, value in cloud.items()}) == expected


def test_a_merged_change_is_known_by_its_sha_in_every_version() -> None:
    for name in (
        "change_merged__0_2_sha_is_the_subject",
        "change_merged__0_3_pull_request_with_texts",
        "change_merged__0_5_specversion_without_subject_type",
    ):
        change = only(name)
        assert (change.kind, change.key, change.repository, change.merged_at) == ("change", SHA, "shop/checkout", AT)


def test_a_pull_request_names_stories_in_title_body_branch_and_message() -> None:
    change = only("change_merged__0_3_pull_request_with_texts")
    assert ("title", "PAY-12 Refund in parts") in change.texts
    assert ("description", "Also helps PAY-13.") in change.texts
    assert ("branch", "feature/pay-14-refunds") in change.texts
    assert ("message", "Merge PAY-12\n\nlong") in change.texts
    assert (change.subject, change.author) == ("PAY-12 Refund in parts", "Ana")
    assert change.url == "https://git.example/shop/checkout/pull/417"


def test_the_repository_of_a_change_may_come_from_its_source() -> None:
    assert only("change_merged__0_4_repository_from_the_source").repository == "shop/checkout"


def test_description_and_custom_stories_name_stories_too() -> None:
    texts = only("change_merged__0_5_specversion_without_subject_type").texts
    assert ("description", "PAY-12: refunds") in texts
    assert ("event", "pay-15") in texts


def test_the_phases_of_a_pipeline_run_speak_of_one_run() -> None:
    queued, started, finished = (
        only(name)
        for name in ("pipelinerun_queued__0_3", "pipelinerun_started__0_4", "pipelinerun_finished__0_4_success")
    )
    assert queued.key == started.key == finished.key
    assert [each.phase for each in (queued, started, finished)] == ["queued", "running", "finished"]
    assert (queued.outcome, started.outcome, finished.outcome) == ("", "", "success")
    assert (started.started_at, finished.finished_at) == (AT, AT)
    assert (finished.sha, finished.repository, finished.branch) == (SHA, "shop/checkout", "main")
    assert (finished.service, finished.pipeline) == ("checkout", "main")


@pytest.mark.parametrize(
    ("name", "outcome", "words"),
    [
        ("pipelinerun_finished__0_4_success", "success", "success"),
        ("pipelinerun_finished__0_2_cancelled_in_other_words", "cancelled", "canceled"),
        ("pipelinerun_finished__0_5_outcome_nobody_knows", "unknown", "sideways"),
        ("build_finished__0_5_failure", "failure", "failure"),
        ("build_finished__0_3_says_nothing", "unknown", "finished"),
        ("taskrun_finished__0_3_alone", "error", "error"),
    ],
)
def test_outcomes_are_mapped_and_the_original_word_is_kept(name: str, outcome: str, words: str) -> None:
    run = only(name)
    assert (run.phase, run.outcome, run.raw_status) == ("finished", outcome, words)


def test_a_build_that_names_its_artifact_made_it() -> None:
    run, artifact = facts("build_finished__0_4_names_its_artifact") or []
    assert (run.kind, run.outcome, run.artifact) == ("run", "success", PURL)  # type: ignore[attr-defined]
    assert (artifact.kind, artifact.key, artifact.sha) == ("artifact", PURL, SHA)  # type: ignore[attr-defined]


def test_a_task_of_a_pipeline_says_nothing_about_the_commit_but_one_alone_does() -> None:
    assert only("taskrun_finished__0_4_of_a_pipeline").sha == ""
    assert only("taskrun_finished__0_3_alone").sha == SHA


@pytest.mark.parametrize(
    "name", ["artifact_packaged__0_3_change_with_a_repository", "artifact_packaged__0_4_colon_not_encoded"]
)
def test_a_packaged_artifact_leads_to_its_commit_however_its_purl_is_spelt(name: str) -> None:
    artifact = only(name)
    assert (artifact.key, artifact.sha, artifact.repository) == (PURL, SHA, "shop/checkout")
    assert (artifact.packaged_at, artifact.published_at) == (AT, None)


def test_a_published_artifact_is_the_same_artifact() -> None:
    artifact = only("artifact_published__0_4")
    assert (artifact.key, artifact.packaged_at, artifact.published_at) == (PURL, None, AT)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("service_deployed__0_4_with_commit_and_version", "deploy"),
        ("service_upgraded__0_5", "deploy"),
        ("service_rolledback__0_3", "rollback"),
        ("service_removed__0_4", "removal"),
    ],
)
def test_each_service_event_is_one_finished_deployment(name: str, kind: str) -> None:
    deployment = only(name)
    assert (deployment.service, deployment.environment) == ("checkout", "prod-eu")
    assert (deployment.deployment, deployment.phase, deployment.outcome) == (kind, "finished", "success")
    assert deployment.finished_at == AT


def test_a_deployment_may_say_commit_and_version_beside_its_artifact() -> None:
    deployment = only("service_deployed__0_4_with_commit_and_version")
    assert (deployment.artifact, deployment.sha, deployment.version) == (PURL, SHA, "5.10")


def test_an_artifact_that_is_no_purl_is_kept_as_it_is() -> None:
    assert only("service_deployed__0_2_artifact_is_no_purl").artifact == "0f1e2d3c4b5a"


def test_a_deployment_without_an_environment_is_unreadable_and_says_which_field() -> None:
    with pytest.raises(Unreadable, match=r"subject\.content\.environment\.id is missing"):
        facts("service_deployed__0_4_without_an_environment")


def test_two_deployments_of_one_service_are_two_whatever_they_carry() -> None:
    first = document("service_deployed__0_4_with_commit_and_version")
    second = {**first, "context": {**first["context"], "id": "e-2"}}
    assert read(first)[0].key != read(second)[0].key  # type: ignore[index]


def test_environments_come_change_and_go() -> None:
    created, modified, deleted = (
        only(name) for name in ("environment_created__0_4", "environment_modified__0_5", "environment_deleted__0_3")
    )
    assert {created.key, modified.key, deleted.key} == {"prod-eu"}
    assert (created.name, created.url, created.gone) == ("Production EU", "https://shop.example", False)
    assert (modified.name, modified.url) == ("Production Europe", ""), "an address must lead to the web"
    assert deleted.gone is True


def test_a_test_case_run_is_an_acceptance_run_of_the_story_it_names() -> None:
    check = only("testcaserun_finished__0_4_names_a_story")
    assert (check.story, check.environment, check.outcome, check.raw_status) == ("PAY-12", "prod-eu", "success", "pass")
    assert check.started_at == datetime(2026, 3, 14, 15, 0, tzinfo=UTC)
    assert (check.finished_at, check.performed_by) == (AT, "Ana")


def test_the_name_of_a_test_proves_no_story_and_speaks_of_the_service() -> None:
    check = only("testcaserun_finished__0_5_story_in_the_test_name")
    assert (check.story, check.service, check.outcome) == ("", "checkout", "failure")


def test_a_check_that_names_no_story_speaks_of_the_service() -> None:
    check = only("testcaserun_finished__0_3_names_no_story")
    assert (check.story, check.service, check.artifact) == ("", "checkout", PURL)


def test_a_check_in_an_unknown_place_is_not_read() -> None:
    with pytest.raises(MakesNothing, match=r"environment\.id is missing"):
        facts("testcaserun_finished__0_4_without_an_environment")


def test_test_cases_of_version_0_2_may_say_everything_in_custom_data() -> None:
    check = only("testcase_finished__0_2_everything_in_custom_data")
    assert (check.story, check.environment, check.outcome) == ("PAY-12", "staging", "success")


def test_a_suite_that_names_two_stories_makes_one_acceptance_run_each() -> None:
    found: Any = facts("testsuiterun_finished__0_4_two_stories")
    assert [(each.story, each.outcome, each.release) for each in found] == [
        ("PAY-12", "failure", "5.10"),
        ("PAY-13", "failure", "5.10"),
    ]


def test_a_cancelled_check_is_no_failure() -> None:
    assert only("testsuiterun_finished__0_4_cancelled").outcome == "cancelled"


def test_the_events_of_an_incident_speak_of_one_incident() -> None:
    detected, reported, resolved = (
        only(name) for name in ("incident_detected__0_3", "incident_reported__0_4", "incident_resolved__0_5")
    )
    assert detected.key == reported.key == resolved.key
    assert (detected.detected_at, reported.url) == (AT, "https://tickets.example/5")
    assert reported.declared_at == datetime(2026, 3, 14, 15, 20, tzinfo=UTC)
    assert resolved.resolved_at == datetime(2026, 3, 14, 16, 0, tzinfo=UTC)
    assert (detected.environment, detected.service, detected.title) == ("prod-eu", "checkout", "Refunds fail")


@pytest.mark.parametrize("name", [path.stem for path in FIXTURES.glob("*_not_read.json")])
def test_other_types_are_kept_and_not_read(name: str) -> None:
    assert facts(name) is None


def test_types_of_others_are_not_read() -> None:
    event = document("ticket_created__0_4_not_read")
    event["context"]["type"] = "com.example.something"
    assert read(event) is None


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ({"context": {"timestamp": "yesterday"}}, "context.timestamp isn’t a time"),
        ({"context": {"timestamp": None}}, "context.timestamp is missing"),
        ({"context": {"timestamp": "0001-01-01T00:00:00Z"}}, "context.timestamp isn’t a time"),
        ({"context": {"type": ""}}, "context.type is missing"),
        ({"context": {"id": None}}, "context.id is missing"),
        ({"subject": {"id": ""}}, "subject.id is missing"),
        ({"subject": {"content": []}}, "subject.content is not an object"),
    ],
)
def test_what_is_malformed_names_its_field(spoilt: dict[str, dict[str, Any]], said: str) -> None:
    event = document("service_removed__0_4")
    for part, fields in spoilt.items():
        event[part].update(fields)
    with pytest.raises(Unreadable, match=said.replace(".", r"\.")):
        read(event)


def test_the_context_may_be_missing_when_the_envelope_says_it() -> None:
    event = document("service_removed__0_4")
    context = event.pop("context")
    headers = {"ce-id": "e-1", "ce-source": "/ci/shop", "ce-type": context["type"], "ce-time": context["timestamp"]}
    found = read(event, **headers)
    assert found is not None and found[0].at == AT


def test_custom_data_in_base64_is_read() -> None:
    event = document("service_removed__0_4")
    event["customData"] = base64.b64encode(json.dumps({"version": "7"}).encode()).decode()
    assert read(event)[0].version == "7"  # type: ignore[index,attr-defined]


def test_nul_and_half_characters_are_replaced() -> None:
    event = document("environment_created__0_4")
    event["subject"]["content"]["name"] = "Prod\0uction \ud800"
    assert read(event)[0].name == "Prod\ufffduction ?"  # type: ignore[index,attr-defined]


def test_the_delivery_is_source_id_and_type() -> None:
    def delivery(event: Any, **headers: str) -> str:
        return label(Message(headers, json.dumps(event).encode())).delivery

    event = document("service_removed__0_4")
    other = {**event, "context": {**event["context"], "type": "dev.cdevents.service.deployed.0.2.0"}}
    assert delivery(event) == "/ci/shop e-1 dev.cdevents.service.removed.0.2.0"
    assert delivery(other) != delivery(event), "producers reuse an id for different types"
    assert delivery(event, **{"ce-id": "77", "ce-source": "/x", "ce-type": "t"}).startswith("/x 77 ")
    assert delivery({"context": {}}) == "", "without an id, a digest of the content is used"


def test_a_delivery_that_is_too_long_becomes_a_digest_of_it() -> None:
    event = document("service_removed__0_4")
    keys = set()
    for ending in ("a", "b"):
        event["context"]["id"] = "x" * 400 + ending
        keys.add(label(Message({}, json.dumps(event).encode())).delivery)
    assert len(keys) == 2
    assert max(map(len, keys)) <= 300
