"""What lists of retrospectives can be narrowed by is what each person can read, and nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import User
from squads.models import Retrospective, RetrospectiveParticipant, RetrospectiveTheme, Service, Squad
from squads.retrospectives import offered as module
from squads.retrospectives.models import new_code
from squads.retrospectives.offered import offered

pytestmark = pytest.mark.django_db
Put = Callable[..., Retrospective]


@pytest.fixture
def put(payments: Squad) -> Put:
    """Return what puts a retrospective of Payments into the table, with a severity, theme and service of its own."""

    def one(name: str, state: str = "published", *, themes: tuple[str, ...] = (), **more: Any) -> Retrospective:
        year = more.pop("year", 2025)
        at = datetime(year, 3, 4, 12, tzinfo=UTC)
        row = Retrospective.objects.create(
            slug=f"{name}-{new_code()}",
            kind="incident",
            state=state,
            title=name,
            squad=more.pop("squad", payments),
            severity=name,
            began_at=at,
            year=year,
            **more,
        )
        RetrospectiveTheme.objects.bulk_create(
            RetrospectiveTheme(retrospective=row, name=each) for each in (name, *themes)
        )
        row.services.add(Service.objects.create(name=name, slug=name, squad=row.squad))
        return row

    return one


def names(reader: Any) -> tuple[set[str], set[str], set[str]]:
    there = offered(reader)
    return set(there.severities), set(there.themes), {slug for _, slug in there.services}


def test_it_is_what_each_person_can_read(
    put: Put, search: Squad, ana: User, bo: User, ria: User, root: User, payments: Squad
) -> None:
    put("open")
    put("draft", "draft")
    put("review", "in_review")
    put("closed", restricted=True)
    put("closed-review", "in_review", restricted=True)
    put("of-search", restricted=True, squad=search)
    put("led", "draft", squad=search, facilitator=ria)
    added = put("added", restricted=True, squad=search)
    RetrospectiveParticipant.objects.create(retrospective=added, person=ria)
    program = User.objects.create(username="program", program_of=payments)
    for reader in (AnonymousUser(), ria, bo, ana, root, program):
        readable = {row.severity for row in Retrospective.objects.readable_by(reader)}
        assert names(reader) == (readable, readable, readable), reader
    assert names(AnonymousUser())[0] == {"open"}
    assert names(ria)[0] == {"open", "review", "led", "added"}
    assert len(names(root)[0]) == 8


def test_years_and_squads_of_what_is_hidden_are_hidden_too(put: Put, search: Squad, ria: User, bo: User) -> None:
    put("open", year=2024)
    put("of-search", restricted=True, squad=search, year=1999)
    there, theirs = offered(ria), offered(bo)
    assert there.years == [2024] and [slug for _, slug in there.squads] == ["payments"]
    assert theirs.years == [2024, 1999] and len(theirs.squads) == 2


def test_the_themes_used_most_are_those_of_what_one_can_read(
    put: Put, ria: User, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_OFFERED", 2)
    for number in range(3):
        put(f"hidden-{number}", restricted=True, themes=("secret",))
    for number in range(2):
        put(f"open-{number}", themes=("often", "secret") if number else ("often",))
    # Of the themes that are used once, the first by name.
    assert offered(ria).themes == ["often", "open-0"]
    assert offered(ria).cut == ["2 most used themes"]
    assert offered(ana).themes == ["often", "secret"]


def test_nothing_is_cut_that_is_not_said(put: Put, as_ria: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put("one")
    assert "are offered" not in as_ria.get("/retrospectives/").content.decode()
    monkeypatch.setattr(module, "MOST_OFFERED", 1)
    put("two")
    page = as_ria.get("/retrospectives/").content.decode()
    assert "Only the 1 most used themes are offered." in page and "Only the first 1 services are offered." in page


def test_it_takes_as_many_queries_however_many_there_are(
    put: Put, search: Squad, ria: User, ana: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        put(f"open-{number}")
        put(f"hidden-{number}", restricted=True)
    with django_assert_max_num_queries(2):
        offered(ria)
    with django_assert_max_num_queries(3):
        offered(ana)
    with django_assert_max_num_queries(1):
        offered(AnonymousUser())
