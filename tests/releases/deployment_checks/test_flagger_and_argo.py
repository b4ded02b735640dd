"""Flagger’s webhook and Argo Rollouts’ web metric, in the forms in which these really ask."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from jsonpath import JSONPathEnvironment

from portal.accounts.models import User
from portal.kernel import clock
from releases.deployment_checks import actions
from releases.deployment_checks.models import CheckToken, DeploymentCheck
from releases.gates.facts import ApprovalFact, ReleaseFacts
from releases.gates.parameters import GateSetting
from releases.gates.readiness import BY_NAME, judge
from releases.models import Release, ReleaseContent
from squads.models import Service, Squad
from tests.releases.deployment_checks.conftest import SHA

pytestmark = pytest.mark.django_db
FLAGGER = "/deployment-checks/flagger/"
ARGO = "/api/v1/deployment-checks/argo-rollouts/"
Make = Callable[[bool], None]


def gate(token: str, phase: Any = "Progressing", **metadata: Any) -> dict[str, Any]:
    """What Flagger posts for a gate."""
    said = {"token": token, "commit": SHA, **metadata}
    return {"name": "checkout", "namespace": "shop", "phase": phase, "checksum": "85d557f47b", "metadata": said}


def post(client: Client, payload: Any) -> Any:
    return client.post(FLAGGER, payload, content_type="application/json")


def test_flagger_goes_on_with_200_and_stops_with_4xx_but_never_gets_204(
    client: Client, token: str, make_ready: Make
) -> None:
    make_ready(True)
    answer = post(client, gate(token))
    assert answer.status_code == 200 and answer.json()["ready"] is True
    make_ready(False)
    answer = post(client, gate(token))
    assert answer.status_code == 412 and answer["Content-Type"] == "application/problem+json"
    assert "Not ready" in answer.json()["detail"]
    assert set(DeploymentCheck.objects.values_list("asker", "by")) == {("flagger", "Jenkins")}


@pytest.mark.parametrize("phase", ["Initializing", "Initialized", "Waiting", "WaitingPromotion", "Promoting"])
def test_it_is_asked_in_every_phase_in_which_something_is_to_be_decided(
    client: Client, token: str, make_ready: Make, phase: str
) -> None:
    make_ready(False)
    assert post(client, gate(token, phase)).status_code == 412


@pytest.mark.parametrize("phase", ["Finalising", "Succeeded", "Failed", "Terminating"])
def test_what_is_over_is_not_judged(client: Client, token: str, release: Release, phase: str) -> None:
    assert post(client, gate(token, phase)).status_code == 200
    assert not DeploymentCheck.objects.exists()


def test_an_event_of_flagger_asks_nothing(client: Client, token: str, release: Release) -> None:
    told = {"eventMessage": "Promotion completed!", "eventType": "Normal", "timestamp": "1607604912123"}
    assert post(client, gate(token, "Progressing", **told)).status_code == 200
    assert not DeploymentCheck.objects.exists()


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"phase": "Perhaps"}, 400, "phase"),
        ({"phase": None}, 400, "phase"),
        ({"phase": ["Progressing"]}, 400, "phase"),
        ({"metadata": None}, 401, "metadata"),
        ({"metadata": {}}, 401, "metadata.token"),
        ({"metadata": {"token": "check_wrong"}}, 401, "metadata.token"),
        ({"metadata": {"token": 7}}, 400, "metadata.token"),
    ],
)
def test_what_flagger_would_not_send_stops_it(
    client: Client, token: str, make_ready: Make, change: dict[str, Any], status: int, field: str
) -> None:
    make_ready(True)
    answer = post(client, {**gate(token), **change})
    assert answer.status_code == status and answer.json()["errors"][0]["attr"] == field


def test_bodies_that_are_no_question_stop_it(client: Client, token: str, make_ready: Make) -> None:
    make_ready(True)
    assert post(client, "[]").status_code == 400
    assert post(client, "{").status_code == 400
    assert post(client, "x" * 70_000).status_code == 413
    assert client.get(FLAGGER).status_code == 405


def test_flagger_may_ask_about_the_tokens_service_only(
    client: Client, token: str, make_ready: Make, search: Squad
) -> None:
    make_ready(True)
    Service.objects.create(name="index", slug="index", squad=search)
    for name in ("index", "chekout"):
        answer = post(client, gate(token, service=name))
        assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == "metadata.service"
        assert f"asks about checkout only, not “{name}”" in answer.json()["detail"]
    assert post(client, gate(token, service="checkout")).status_code == 200
    assert post(client, gate(token, commit="")).status_code == 412
    assert post(client, gate(token, commit="", release="shop-1.0")).status_code == 200


def test_a_misspelt_name_in_flaggers_metadata_is_refused_and_a_foreign_one_is_not(
    client: Client, token: str, make_ready: Make
) -> None:
    make_ready(True)
    answer = post(client, gate(token, commit="", comit=SHA))
    assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == "metadata.comit"
    assert "Did you mean “commit”?" in answer.json()["detail"]
    assert post(client, gate(token, cmd="hey -z 1m http://podinfo/", type="bash")).status_code == 200


def test_flaggers_own_examples(client: Client, real_data: Path, root: User, ana: User, release: Release) -> None:
    known = json.loads((real_data / "wire" / "flagger_webhook.json").read_text())
    podinfo = Service.objects.create(name="podinfo", slug="podinfo")
    _, secret = actions.create_token(podinfo, by=root, name="Flagger", days=30)
    asked = known["gate"]
    assert post(client, asked).status_code == 401, "its token is not ours"
    asked["metadata"]["token"] = secret
    assert post(client, asked).status_code == 412 and DeploymentCheck.objects.get().verdict == "unknown"
    known["event"]["metadata"]["token"] = secret
    assert post(client, known["event"]).status_code == 200


# Argo Rollouts


def measured(client: Client, bearer: dict[str, Any], **named: str) -> str:
    """Return the phase of a measurement, as Argo Rollouts takes it by the conditions in the documentation."""
    answer = client.get(ARGO, named, **bearer)
    assert answer.status_code == 200
    (result,) = JSONPathEnvironment().findall("$.verdict", answer.json())
    if result == "success":
        return "Successful"
    return "Failed" if result == "failure" else "Inconclusive"


def test_a_web_metric_succeeds_fails_and_pauses(
    client: Client, bearer: dict[str, Any], make_ready: Make, release: Release
) -> None:
    make_ready(True)
    assert measured(client, bearer, commit=SHA) == "Successful"
    assert measured(client, bearer, commit="a" * 40) == "Inconclusive"
    make_ready(False)
    assert measured(client, bearer, commit=SHA) == "Failed"
    assert set(DeploymentCheck.objects.values_list("asker", flat=True)) == {"argo_rollouts"}


def test_a_gate_that_only_waits_pauses(
    client: Client, bearer: dict[str, Any], release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ApprovalFact("1", "Lea", "waiting")
    facts = ReleaseFacts(at=clock.now(), name="Shop 1.0", approvals=(asked,))
    judged = judge(facts, [GateSetting("approvals", BY_NAME["approvals"].clean({}))])
    assert judged.verdict == "not_ready"
    monkeypatch.setattr(actions, "readiness_for_service", lambda *_: judged)
    assert measured(client, bearer, commit=SHA) == "Inconclusive"


def test_a_metric_with_a_wrong_token_measures_nothing(client: Client, release: Release) -> None:
    answer = client.get(ARGO, {"commit": SHA}, headers={"Authorization": "Bearer check_wrong"})
    assert answer.status_code == 401
    CheckToken.objects.all().delete()
    assert client.get(ARGO, {"commit": SHA}).status_code == 401
    assert ReleaseContent.objects.exists() and not DeploymentCheck.objects.exists()
