"""A restricted retrospective leaves nothing anywhere for who can't read it: every place says what it said before."""

from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.kernel import outbox
from squads.models import Service, Squad
from squads.retrospectives.editing import edit
from tests.squads.retrospective_pages import hidden_places
from tests.squads.retrospective_pages.hidden_places import World, leaks, look, own_addresses, places


@pytest.fixture
def world(payments: Squad, checkout: Service, ana: User, pam: User) -> World:
    made = hidden_places.made(payments, checkout, member=ana, planner=pam)
    outbox.deliver()
    return made


def test_a_restricted_one_changes_nothing_in_any_place(world: World, as_ria: Client) -> None:
    assert len(places(world)) >= 12
    before = look(as_ria, world)
    row = hidden_places.hidden(world)
    outbox.deliver()
    assert leaks(before, look(as_ria, world)) == {}
    read, written = own_addresses(row)
    assert {address: as_ria.get(address).status_code for address in read} == dict.fromkeys(read, 404)
    assert {address: as_ria.post(address).status_code for address in written} == dict.fromkeys(written, 404)


def test_it_changes_nothing_for_another_squad_and_for_nobody_in_particular(
    world: World, as_bo: Client, client: Client, settings: Any
) -> None:
    settings.RODEO_OPEN_READING = True
    names = ("list", "list, narrowed, and what it can be narrowed by", "feed", "incident", "actions", "home")
    before = {browser: look(browser, world, *names) for browser in (as_bo, client)}
    row = hidden_places.hidden(world)
    outbox.deliver()
    for browser, said in before.items():
        assert leaks(said, look(browser, world, *names)) == {}
        assert browser.get(row.get_absolute_url()).status_code == 404


def test_one_that_everyone_read_leaves_nothing_when_it_is_restricted(world: World, as_ria: Client, ana: User) -> None:
    before = look(as_ria, world)
    row = hidden_places.hidden(world, restricted=False)
    outbox.deliver()
    seen = leaks(before, look(as_ria, world))
    found_in = [name for name, addresses in places(world).items() if seen.keys() & set(addresses)]
    assert len(found_in) >= 12, f"what everyone can read is seen in {found_in} only"
    edit(row, by=ana, restricted=True)
    assert leaks(before, look(as_ria, world)) == {}, "at once, before the index hears of it"
    outbox.deliver()
    assert leaks(before, look(as_ria, world)) == {}


def test_who_can_read_it_finds_it_in_the_same_places(world: World, as_ana: Client) -> None:
    names = ("list", "list, searched", "actions", "incident", "page of one alike, with what is related")
    before = look(as_ana, world, *names)
    hidden_places.hidden(world)
    outbox.deliver()
    seen = leaks(before, look(as_ana, world, *names))
    for name in names:
        assert seen.keys() & set(places(world)[name]), name
