"""Release Shop 1.0, which ships one commit of checkout, and is ready once the one line of its checklist is ticked."""

from collections.abc import Callable
from typing import Any

import pytest

from portal.accounts.models import User
from releases.deployment_checks.actions import create_token
from releases.models import ChecklistItem, ChecklistTick, GateTemplate, Release, ReleaseContent, Repository
from releases.planning.actions import create_release
from releases.readiness.actions import add_item, tick, untick
from squads.models import Service, Squad
from squads.stories.actions import create_story

SHA = "5275a45b7e99c7fd7265b790392c10a74101a67a"
REPOSITORY = "shop/checkout"


@pytest.fixture
def release(ana: User, payments: Squad, checkout: Service) -> Release:
    made = create_release(by=ana, line="Shop", version="1.0")
    Repository.objects.create(key=REPOSITORY, service=checkout)
    ReleaseContent.objects.create(release=made, service=checkout, sha=SHA, by=ana)
    create_story(payments, by=ana, title="Refunds", release=made)
    GateTemplate.objects.create(line="Shop", gates=[{"gate": "checklist", "values": {}}])
    add_item(by=ana, text="Tell support", release=made)
    return made


@pytest.fixture
def make_ready(release: Release, ana: User) -> Callable[[bool], None]:
    """Have what the release waits for be done, or not."""
    item = ChecklistItem.objects.get()

    def make(ready: bool) -> None:
        is_done = ChecklistTick.objects.filter(item=item, unticked_at=None).exists()
        if ready != is_done:
            (tick if ready else untick)(item, release, by=ana)

    return make


@pytest.fixture
def token(checkout: Service, lea: User) -> str:
    """A token that asks about checkout."""
    return create_token(checkout, by=lea, name="Jenkins", days=30)[1]


@pytest.fixture
def bearer(token: str) -> dict[str, Any]:
    """The headers that a pipeline of checkout sends."""
    return {"headers": {"Authorization": f"Bearer {token}"}}
