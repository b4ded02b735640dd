"""A release of two services that is ready, and what was learned about one of them."""

from typing import Any

import pytest

from squads.models import Retrospective
from squads.retrospectives.actions import Subject, create, publish
from squads.retrospectives.editing import edit
from tests.releases.readiness.conftest import Shop
from tests.releases.readiness.conftest import built as built
from tests.releases.readiness.conftest import shop as shop


def learned(shop: Shop, title: str = "Ledger was slow", *services: str, **more: Any) -> Retrospective:
    """Publish what Payments learned about services: ledger, unless others are named."""
    about = Subject(services=[shop.services[name] for name in services or ("ledger",)])
    row = create(shop.squad, by=shop.ana, kind="incident", title=title, subject=about, **more)
    edit(row, by=shop.ana, **{"section:summary": "Slow.", "section:learnings": "Warm the **cache**."})
    publish(row, by=shop.ana)
    return row


@pytest.fixture
def row(shop: Shop) -> Retrospective:
    """What Payments learned about ledger."""
    return learned(shop)
