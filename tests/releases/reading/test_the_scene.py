"""The talk's scene, told by CDEvents alone: "Done." "So it is live?" "Ehh, no ..." """

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from portal.accounts.models import User
from releases.environments.actions import environment_named
from releases.inbox.models import Source
from squads.models import Service, Squad
from squads.stories.actions import create_story

OLD, NEW = "1" * 40, "2" * 40
START = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)


@pytest.fixture
def tell(ci: Source, send: Callable[..., HttpResponse], drained: Callable[[], int]) -> Callable[..., None]:
    """Send one CDEvent, a minute after the one before, and have it read."""
    count = 0

    def told(what: str, subject: str, content: dict[str, Any], **custom: Any) -> None:
        nonlocal count
        count += 1
        context = {
            "version": "0.4.1",
            "id": str(count),
            "source": "/ci",
            "type": f"dev.cdevents.{what}.0.2.0",
            "timestamp": (START + timedelta(minutes=count)).isoformat(),
        }
        event = {"context": context, "subject": {"id": subject, "content": content}, "customData": custom}
        assert send("/hooks/ci/", event).status_code == 202
        drained()

    return told


def test_done_is_not_done_until_it_was_accepted_in_production(
    as_bo: Client, ana: User, payments: Squad, checkout: Service, tell: Callable[..., None]
) -> None:
    story = create_story(payments, by=ana, title="Refunds")
    environment_named("production")
    repository = {"repository": {"id": "shop/checkout"}}
    from releases.pipelines.models import Repository

    Repository.objects.create(key="shop/checkout", service=checkout)

    def answer() -> dict[str, Any]:
        said: dict[str, Any] = as_bo.get(f"/api/v1/stories/{story.key}/answer/").json()
        return said

    def deployed(commit: str, how: str = "deployed") -> None:
        content = {"environment": {"id": "production"}, "artifactId": f"pkg:oci/checkout@sha256:{commit[:8]}"}
        tell(f"service.{how}", "checkout", content, commit=commit)

    def accepted(outcome: str = "pass") -> None:
        tell(
            "testcaserun.finished",
            f"run-{outcome}",
            {"outcome": outcome, "environment": {"id": "production"}, "testCase": {"name": "PAY-1 refunds in parts"}},
            story="PAY-1",
        )

    tell("change.merged", OLD, repository)
    deployed(OLD)
    story.move_progress("dev_done", by=ana)
    assert answer()["stage"] == "dev_done"

    tell("change.merged", NEW, repository, message="PAY-1 refunds in parts", branch="main")
    assert answer()["answer"].startswith("No. Dev done. Merged")
    tell(
        "pipelinerun.finished",
        "7",
        {"pipelineName": "main", "outcome": "success"},
        commit=NEW,
        repository="shop/checkout",
    )
    assert answer()["stage"] == "integrated"

    deployed(NEW, "upgraded")
    said = answer()
    assert (said["stage"], said["gaps"]) == ("deployed", ["tested"])
    assert "not accepted yet" in said["answer"]

    accepted()
    said = answer()
    assert (said["stage"], said["rodeo_done"]) == ("rodeo_done", True)
    assert said["answer"].startswith("Yes. Rodeo done: accepted in production")

    deployed(OLD, "rolledback")
    said = answer()
    assert said["rodeo_done"] is False
    assert said["answer"].startswith("No. No longer ")
    assert "rolled back to" in said["answer"]

    deployed(NEW, "upgraded")
    assert "not accepted again since" in answer()["answer"]
    accepted()
    assert answer()["rodeo_done"] is True
    accepted("fail")
    said = answer()
    assert said["rodeo_done"] is False
    assert "PAY-1 refunds in parts failed in production" in said["answer"]
