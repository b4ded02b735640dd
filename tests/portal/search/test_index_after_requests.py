"""The index holds what the tables say after every request that changes something."""

import pytest
from django.db import transaction
from django.test import Client

from portal.kernel.outbox import deliver
from portal.kernel.tasks import drain
from portal.search.actions import differences, reindex
from tests.portal.permissions import ROLES, World
from tests.portal.test_permissions import CHANGING, ask, expected

pytestmark = pytest.mark.django_db


def settle() -> None:
    drain()
    while deliver():
        pass


def test_every_address_that_changes_something_leaves_the_index_true(made: World) -> None:
    """Each address as whoever may do it, and what came of it taken back, so that the next one finds the same world."""
    settle()
    reindex()
    assert differences() == []
    found, asked = [], 0
    for row in CHANGING:
        for method in set(row.methods) - {"GET"}:
            role = next((each for each in ROLES if each in expected(row, method) - {"anonymous"}), "administrator")
            browser = Client()
            browser.force_login(made.people[role])  # type: ignore[arg-type]
            with transaction.atomic():
                ask(browser, row, method, made)
                settle()
                found += [(method, row.route, each) for each in differences()]
                asked += 1
                transaction.set_rollback(True)
    assert found == [] and asked > 100
