"""Whatever the order in which a repository's events are read, and however often, the same rows come out."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from releases.environments.actions import environment_named
from releases.inbox.models import InboundEvent
from releases.models import Change, Deployment, Mainline, Release, StoryLink, Tag
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.reading.actions import rebuild
from releases.reading.reader import read_events
from releases.sources import connect_git
from squads.models import Squad
from tests.releases.conftest import Repo

Rows = dict[str, list[Any]]


def rows() -> Rows:
    """Everything derived, as comparable text. A link's own number says nothing."""
    plain = (Change, Mainline, Tag, Deployment, Release)
    found = {model.__name__: sorted(map(repr, model._default_manager.values_list())) for model in plain}
    links = StoryLink.objects.values_list("change_id", "key", "rule", "story_id")
    found["StoryLink"] = sorted(map(repr, links))
    return found


def grow(repo: Repo, seed: int) -> None:
    """Do to a repository what people do: commit, branch, merge, tag, untag, push by force."""
    chance = random.Random(seed)  # noqa: S311
    shas = [repo.commit("PAY-1 begin")]
    for number in range(8):
        what = chance.choice(["commit", "commit", "merge", "tag", "untag", "force"])
        if what == "commit":
            shas.append(repo.commit(f"PAY-{number} and SEA-{number}"))
        elif what == "merge":
            repo.switch("topic", chance.choice(shas))
            shas.append(repo.commit(f"Topic {number}"))
            repo.switch("main")
            shas.append(repo.merge("topic", f"Merge {number}"))
        elif what == "tag":
            repo.tag(f"v{number}", at=chance.choice(shas), message=chance.choice(["", "x"]))
        elif what == "untag" and (names := repo.run("tag").split()):
            repo.run("tag", "-d", chance.choice(names))
        elif what == "force":
            repo.run("reset", "--quiet", "--hard", chance.choice(shas))


@pytest.fixture
def told(make_repo: Callable[..., Repo], payments: Squad, search: Squad, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events of three pulls of a lively repository, not read yet."""
    monkeypatch.setattr("releases.providers.git.records.MOST_COMMITS", 3)
    # Made by the first event otherwise, and PostgreSQL gives no number twice, even after a rollback.
    environment_named("prod")
    repo = make_repo()
    source, _ = connect_git.connect_git(
        by=None, url=str(repo.path), service="checkout", squad=payments, release_tags="v*", deploys_to="prod"
    )
    for seed in (1, 2, 3):
        grow(repo, seed)
        lease = leases.lease_now(source)
        assert lease
        assert pulling.pull_source(source.pk, lease)
        source.refresh_from_db()
    return list(InboundEvent.objects.order_by("received_at", "id").values_list("pk", flat=True))


class Undo(Exception):
    """Leaves a transaction without a trace."""


def read_all(events: list[Any]) -> None:
    """Read these events, in as many steps as the time allowed for one makes of it."""
    while events:
        events = events[read_events(events) :]


def read_in(order: list[list[Any]]) -> Rows:
    """Read the events in batches in this order, and return what came out; nothing stays."""
    try:
        with transaction.atomic():
            for batch in order:
                read_all(batch)
            found = rows()
            raise Undo
    except Undo:
        return found


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_repetition_of_events_gives_the_same_rows(told: list[Any], data: st.DataObject) -> None:
    expected = read_in([told])
    assert len(told) > 5
    assert expected["Tag"]
    order = data.draw(st.permutations(told))
    again = data.draw(st.lists(st.sampled_from(told), max_size=3))
    cut = data.draw(st.integers(0, len(order)))
    assert read_in([order[:cut], order[cut:], again]) == expected


def test_a_rebuild_gives_the_same_rows(told: list[Any]) -> None:
    read_all(told)
    expected = rows()
    rebuild()
    assert rows() == expected
