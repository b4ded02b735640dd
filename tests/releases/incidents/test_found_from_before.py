"""Incidents from before the search knew any are found once the portal is upgraded."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from portal.accounts.models import User
from portal.kernel import outbox
from portal.kernel.models import Message
from portal.search.models import SearchEntry
from releases.incidents.actions import open_incident

pytestmark = pytest.mark.django_db
migration: Any = import_module("releases.migrations.0031_mark_maintenance_and_find_incidents")


def test_they_are_indexed_a_few_at_a_time(as_ana: Client, ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        open_incident(by=ana, title=f"Refunds fail {n}")
    Message.objects.all().delete()
    SearchEntry.objects.all().delete()
    monkeypatch.setattr(migration, "AT_ONCE", 2)
    migration.find_incidents(apps, None)
    assert [len(each.payload["ids"]) for each in Message.objects.order_by("pk")] == [2, 1]
    assert "INC-3" not in as_ana.get("/search/", {"q": "refunds"}).content.decode()
    outbox.deliver()
    page = as_ana.get("/search/", {"q": "refunds"}).content.decode()
    assert all(f"INC-{n}" in page for n in (1, 2, 3))


def test_without_any_nothing_is_asked_for(db: None) -> None:
    migration.find_incidents(apps, None)
    assert not Message.objects.exists()
