"""Jenkins: what the notification plugin tells, what a build of the API says, and who may send."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releases.providers.base import Message
from releases.providers.facts import ArtifactSeen, MakesNothing, RunSeen, Unreadable
from releases.providers.jenkins.webhook import PROVIDER, label, translate

HERE = Path(__file__).parent
SHA, OTHER = "4f5e6d7c8b9a00112233445566778899aabbccdd", "9" * 40
KEY = "jenkins.example/job/shop/job/checkout/job/feature%252Fpay-12/7"
RECEIVED = {"received-at": "2026-01-31T12:00:00+00:00"}


def told(name: str, **changes: Any) -> Any:
    read = json.loads((HERE / f"{name}.json").read_text())
    (read["build"] if "build" in read else read).update(changes)
    return read


def facts_of(document: Any, config: Any = None) -> list[Any]:
    body = json.dumps(document).encode()
    kind = "notification" if "build" in document else "pull.build"
    return translate(kind, Message(RECEIVED, body), config or {}) or []


def data(repository: str, sha: str, branch: str = "main") -> dict[str, Any]:
    return {
        "_class": "hudson.plugins.git.util.BuildData",
        "remoteUrls": [f"https://git.example/{repository}.git"],
        "lastBuiltRevision": {"SHA1": sha, "branch": [{"SHA1": sha, "name": f"refs/remotes/origin/{branch}"}]},
    }


def test_a_notification_and_a_pulled_build_speak_of_the_same_run() -> None:
    (pushed,), (pulled, *_) = facts_of(told("notification__completed")), facts_of(told("build__success"))
    assert pushed.key == pulled.key == KEY
    for run in (pushed, pulled):
        assert isinstance(run, RunSeen)
        assert (run.phase, run.outcome, run.raw_status) == ("finished", "success", "SUCCESS")
        assert (run.pipeline, run.branch) == ("shop/checkout", "feature/pay-12")
        assert (run.sha, run.repository) == (SHA, "shop/checkout")
        assert run.finished_at == datetime(2023, 11, 14, 22, 13, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("phase", "status", "expected"),
    [
        ("QUEUED", None, ("queued", "", "QUEUED")),
        ("STARTED", None, ("running", "", "STARTED")),
        ("FINALIZED", "UNSTABLE", ("finished", "warning", "UNSTABLE")),
        ("COMPLETED", "ABORTED", ("finished", "cancelled", "ABORTED")),
        ("COMPLETED", "NOT_BUILT", ("finished", "skipped", "NOT_BUILT")),
        ("COMPLETED", "LOPSIDED", ("finished", "unknown", "LOPSIDED")),
    ],
)
def test_each_phase_and_result_of_a_notification_is_told(phase: str, status: Any, expected: tuple[str, ...]) -> None:
    (run,) = facts_of(told("notification__completed", phase=phase, status=status))
    assert (run.phase, run.outcome, run.raw_status) == expected and run.key == KEY


def test_finalized_does_not_move_the_time_at_which_the_build_ended() -> None:
    (run,) = facts_of(told("notification__completed", phase="FINALIZED", timestamp=1_700_000_099_000))
    assert run.finished_at is None and run.at == datetime(2023, 11, 14, 22, 14, 59, tzinfo=UTC)


def test_a_notification_without_a_time_was_so_when_it_came_and_without_both_it_cannot_be_read() -> None:
    document = told("notification__completed", timestamp=0)
    (run,) = facts_of(document)
    assert run.at == datetime(2026, 1, 31, 12, tzinfo=UTC)
    with pytest.raises(Unreadable, match="timestamp"):
        translate("notification", Message({}, json.dumps(document).encode()), {})


def test_a_jenkins_that_does_not_know_its_address_is_known_by_the_sources() -> None:
    (run,) = facts_of(told("notification__completed", full_url=None), {"url": "https://jenkins.example/"})
    assert run.key == KEY


def test_a_build_that_is_still_built_has_no_outcome_whatever_its_result_says() -> None:
    (run,) = facts_of(told("build__success", building=True, duration=0))
    assert (run.phase, run.outcome, run.finished_at) == ("running", "", None)
    (run,) = facts_of(told("build__success", building=True, result=None))
    assert run.phase == "running"


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ("UNSTABLE", "warning"),
        ("FAILURE", "failure"),
        ("ABORTED", "cancelled"),
        ("NOT_BUILT", "skipped"),
        ("X", "unknown"),
    ],
)
def test_each_result_of_a_build_has_an_outcome(result: str, outcome: str) -> None:
    assert facts_of(told("build__success", result=result))[0].outcome == outcome


def test_a_build_makes_what_it_fingerprinted_first_and_not_what_it_copied() -> None:
    _, *made = facts_of(told("build__success"))
    assert [each.key for each in made] == ["pkg:generic/checkout.jar?checksum=md5:0123456789abcdef0123456789abcdef"]
    assert isinstance(made[0], ArtifactSeen) and (made[0].sha, made[0].repository) == (SHA, "shop/checkout")


def test_a_library_of_the_pipeline_is_not_what_was_built() -> None:
    library, own = data("shop/library", OTHER, "main"), data("shop/checkout", SHA, "main")
    job = {"path": "builds/nightly"}
    several = told("build__success", actions=[library, own], _job=job, changeSets=[])
    assert facts_of(several)[0].sha == ""
    assert facts_of(several, {"libraries": ["https://git.example/shop/library"]})[0].sha == SHA
    assert facts_of({**several, "changeSets": [{"items": [{"commitId": SHA}]}]})[0].sha == SHA
    assert facts_of({**several, "_job": {"path": "shop/checkout"}})[0].sha == SHA
    on_branch = [library, data("shop/checkout", SHA, "pay-12")]
    assert facts_of({**several, "actions": on_branch, "_job": {"path": "x/pay-12", "branch": "pay-12"}})[0].sha == SHA


def test_the_same_commit_checked_out_twice_is_one() -> None:
    assert facts_of(told("build__success", actions=[data("shop/checkout", SHA)] * 3))[0].sha == SHA


def test_the_token_comes_as_a_header_or_as_the_password_of_the_plugins_address() -> None:
    def basic(text: str) -> dict[str, str]:
        return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    assert PROVIDER.authentic(basic("rodeo:s3cret"), b"{}", "s3cret")
    assert PROVIDER.authentic({"x-rodeo-token": "s3cret"}, b"{}", "s3cret")
    assert not PROVIDER.authentic(basic("s3cret:"), b"{}", "s3cret")
    assert not PROVIDER.authentic(basic("rodeo:"), b"{}", "")
    assert not PROVIDER.authentic({"authorization": "Basic ~"}, b"{}", "s3cret")
    assert not PROVIDER.authentic({**basic("rodeo:s3cret"), "x-hub-signature-256": "sha256=0"}, b"{}", "s3cret")


def test_what_is_no_notification_is_kept_and_not_read() -> None:
    assert label(Message({}, b'{"build": {"phase": "STARTED"}}')).kind == "notification"
    for body in (b"[]", b"{", b'{"build": []}', b"{}"):
        kind = label(Message({}, body)).kind
        assert translate(kind, Message({}, body), {}) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300)
@given(st.sampled_from(["notification__completed", "build__success"]), st.data())
def test_a_payload_with_any_field_replaced_is_read_or_refused_with_a_reason(name: str, draw: st.DataObject) -> None:
    document = told(name)
    inner = document["build"] if "build" in document and draw.draw(st.booleans()) else document
    inner[draw.draw(st.sampled_from(sorted(inner)))] = draw.draw(JSON)
    try:
        kind = "notification" if name[0] == "n" else "pull.build"
        found = translate(kind, Message(RECEIVED, json.dumps(document).encode()), {})
    except (Unreadable, MakesNothing) as error:
        assert str(error)
        return
    for fact in found or []:
        json.dumps(fact.data(), allow_nan=False).encode()
        assert fact.key and len(fact.key) <= 500


def test_the_real_builds_and_notifications_are_read(real_data: Path) -> None:
    rows = [
        json.loads(line) for line in (real_data / "rest" / "jenkins_api_builds.jsonl").read_text().splitlines() if line
    ]
    runs = [facts_of(row, {"url": "https://jenkins.example"})[0] for row in rows]
    assert len({run.key for run in runs}) == len(rows) == 14
    known = {"SUCCESS": "success", "FAILURE": "failure", "ABORTED": "cancelled", "UNSTABLE": "warning"}
    for row, run in zip(rows, runs, strict=True):
        assert run.outcome == ("" if row.get("building") else known.get(row["result"], "unknown"))
        assert run.started_at is not None and round(run.started_at.timestamp() * 1000) == row["timestamp"]
        if run.finished_at:
            assert round(run.finished_at.timestamp() * 1000) == row["timestamp"] + row["duration"]
    assert [run.sha for run in runs[:3]] == ["0f886c74949c3ee7e489188911c7dc0c1d547418"] * 2 + [
        "ceeffdfdd06bce232f9adb3a656265bad13a8473"
    ]
    assert runs[0].pipeline == "Test-jenkins-dir/test-jenkins-sub-dir/test-sub-sub-dir/devlake"
    for path in (real_data / "webhooks" / "jenkins").glob("*.json"):
        (run,) = translate(label(Message({}, path.read_bytes())).kind, Message(RECEIVED, path.read_bytes()), {}) or []
        assert (run.key, run.outcome) == ("localhost:8080/job/asgard/18", "success")
        assert run.sha == "c6d86dc654b12425e706bcf951adfe5a8627a517" and run.branch == "master"
