"""One of everything, for the tests that ask at every address."""

from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
from django.test import TestCase
from pytest_django import DjangoDbBlocker

if TYPE_CHECKING:
    from tests.portal.permissions import World


@pytest.fixture(scope="module")
def world_of_module(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator["World"]:
    """The world, made once for all tests of a module; it takes longer than what most of them ask.

    It is made in a transaction that holds those of the tests: each takes back what it did, and this one the world.
    """
    from tests.portal.permissions import world

    with django_db_blocker.unblock():
        transactions = TestCase._enter_atomics()
        made = world()
    yield made
    with django_db_blocker.unblock():
        TestCase._rollback_atomics(transactions)


@pytest.fixture
def made(world_of_module: "World", db: None) -> "World":
    """The world, as if it had been made for this test."""
    return deepcopy(world_of_module)
