"""A squad says which pipelines of its service must be green; with that rule no other run counts."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.kernel import outbox
from portal.kernel.models import StateChange
from releases.models import RequiredPipelines
from squads.models import Squad
from tests.releases.reading import test_order
from tests.releases.reading.test_late_news import assert_a_rebuild_changes_nothing, pulled, stages, step
from tests.releases.reading.test_order import answers
from tests.releases.reading.test_runs_that_count import C, workflow

pytestmark = pytest.mark.usefixtures("scene")
scene = test_order.scene
PAGE = "/services/checkout/pipelines/"
API = "/api/v1/required-pipelines/"


def words(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def require(client: Client, *names: str) -> None:
    assert client.post(f"{PAGE}require/", {"pipelines": "\n".join(names)}).status_code == 302
    outbox.deliver()


def test_the_page_says_which_runs_count_and_what_they_are_called(as_ana: Client) -> None:
    assert "No runs of checkout yet" in words(as_ana.get(PAGE))
    step(*pulled("c", 2.5))
    workflow(3, "Tests")
    workflow(4, "Close stale issues", event="schedule")
    page = words(as_ana.get(PAGE))
    assert "No rule yet, so every run started by" in page and "if one pipeline is red, the commit is red" in page
    assert "Close stale issues</th> <td>on a schedule</td>" in page
    assert f'href="{PAGE}"' in as_ana.get("/services/checkout/").content.decode()


def test_only_the_pipelines_of_the_rule_count_and_all_of_them_must_be_green(as_ana: Client) -> None:
    step(*pulled("c", 2.5))
    workflow(3, "Tests")
    workflow(3.5, "Publish", "failure")
    assert stages()["PAY-1"] == "todo"
    require(as_ana, "tests", "Tests ", "")
    assert RequiredPipelines.objects.get().names == ["Tests"]
    assert stages()["PAY-1"] == "integrated"
    assert_a_rebuild_changes_nothing()
    require(as_ana, "Tests", "End to end")
    assert stages()["PAY-1"] == "todo"
    assert "End to end has not run on bbbbbbb (Tests passed)" in answers()[0]
    assert "No recent run is called <b>End to end</b>" in words(as_ana.get(PAGE))
    workflow(5, "End to end", event="schedule", head_sha=C)
    assert stages()["PAY-1"] == "todo"
    workflow(6, "End to end", event="schedule")
    assert stages()["PAY-1"] == "integrated"
    assert_a_rebuild_changes_nothing()
    require(as_ana)
    assert not RequiredPipelines.objects.exists()
    assert stages()["PAY-1"] == "todo"
    assert StateChange.objects.filter(kind="required pipelines").count() == 3
    assert_a_rebuild_changes_nothing()


@pytest.mark.parametrize("event", ["pull_request", "push"], ids=["a request", "a fork"])
def test_no_rule_makes_a_request_or_a_fork_count(as_ana: Client, event: str) -> None:
    step(*pulled("c", 2.5))
    require(as_ana, "Tests")
    workflow(3, "Tests", event=event, head_repository={"full_name": "stranger/checkout"})
    assert stages()["PAY-1"] == "todo"
    assert_a_rebuild_changes_nothing()


def test_the_rule_over_the_api(as_ana: Client, as_bo: Client) -> None:
    said = {"service": "checkout", "pipelines": ["Tests"]}
    assert as_bo.post(API, said, content_type="application/json").status_code == 403
    answer = as_ana.post(API, said, content_type="application/json")
    assert (answer.status_code, answer.json()["pipelines"]) == (201, ["Tests"])
    assert as_bo.get(f"{API}checkout/").json()["by"] == "ana"
    assert [each["service"] for each in as_bo.get(API).json()["results"]] == ["checkout"]
    empty = as_ana.post(API, {**said, "pipelines": []}, content_type="application/json")
    assert (empty.status_code, empty.json()["errors"][0]["attr"]) == (400, "pipelines")
    assert as_bo.delete(f"{API}checkout/").status_code == 403
    assert as_ana.delete(f"{API}checkout/").status_code == 204
    assert as_ana.get(f"{API}checkout/").status_code == 404


def test_too_many_pipelines_are_refused_with_the_remedy(as_ana: Client) -> None:
    answer = as_ana.post(f"{PAGE}require/", {"pipelines": "\n".join(map(str, range(30)))})
    assert answer.status_code == 400 and "Enter at most 20 pipelines." in words(answer)


def test_another_squad_reads_the_page_and_changes_nothing(as_bo: Client, search: Squad) -> None:
    assert "<textarea" not in words(as_bo.get(PAGE))
    assert as_bo.post(f"{PAGE}require/", {"pipelines": "Lint"}).status_code == 403


def test_the_page_costs_the_same_however_many_pipelines_there_are(as_ana: Client) -> None:
    costs = []
    for number in range(3):
        workflow(3 + number, f"Pipeline {number}")
        with CaptureQueriesContext(connection) as queries:
            as_ana.get(PAGE)
        costs.append(len(queries))
    assert costs[0] == costs[2]
