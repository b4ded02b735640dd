"""Nothing that Rodeo keeps, logs or sends ties a hidden card to who wrote it (attack.py says what is tried)."""

import random
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from squads.models import CardGroup, SessionCard
from squads.retrospective_sessions import contributing
from tests.squads.retrospective_sessions.attack import PLANTS, attack
from tests.squads.retrospective_sessions.wire import Wire

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def same_chance(monkeypatch: pytest.MonkeyPatch) -> random.Random:
    """The same chance in every run: in one of twenty, a coin leaves the range it is held to here."""
    chance = random.Random(20261201)
    monkeypatch.setattr(contributing, "CHANCE", chance)
    for model in (SessionCard, CardGroup):
        field: Any = model._meta.get_field("id")
        monkeypatch.setitem(field.__dict__, "_get_default", lambda: uuid.UUID(int=chance.getrandbits(128), version=4))
    return chance


@pytest.fixture
def wire(broker: str) -> Iterator[Wire]:
    """Somebody who listens at the broker."""
    made = Wire(broker)
    yield made
    made.close()


def test_who_has_the_database_its_backups_the_logs_and_the_broker_guesses_no_better_than_a_coin(wire: Wire) -> None:
    result = attack(200, random.Random(7), wire)
    assert result.trials == 200
    assert 86 <= result.hits <= 114, f"{result.hits} of 200 right, by {result.clue}"


@pytest.mark.parametrize("leak", list(PLANTS))
def test_the_attack_finds_a_leak_where_there_is_one(leak: str, wire: Wire) -> None:
    with PLANTS[leak]():
        result = attack(20, random.Random(11), wire, learning=8)
    assert result.hits >= 16, f"{leak}: only {result.hits} of {result.trials} right, by {result.clue}"
