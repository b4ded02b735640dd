"""Lists are read by place: whatever comes or goes meanwhile, nothing is read twice and nothing is passed over."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Case, F, Value, When
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.accounts.models import User
from portal.kernel import keyset
from portal.kernel.stable_ids import stable_id
from releases.models import InboundEvent, Release, Run, Source
from squads.models import Squad, Story
from squads.stories.actions import create_story

V1 = "/api/v1/"
START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def write(ana: User, payments: Squad) -> Callable[[int], None]:
    def some(count: int) -> None:
        for number in range(count):
            create_story(payments, by=ana, title=f"Story {number}")

    return some


def keys(page: Any) -> list[str]:
    return [each["key"] for each in page["results"]]


def test_a_walk_through_a_list_that_grows_meets_every_row_once(as_ana: Client, write: Callable[[int], None]) -> None:
    write(7)
    page = as_ana.get(f"{V1}stories/?page_size=3").json()
    assert (page["count"], page["previous"], keys(page)) == (7, None, ["PAY-7", "PAY-6", "PAY-5"])
    write(4)
    second = as_ana.get(page["next"]).json()
    assert keys(second) == ["PAY-4", "PAY-3", "PAY-2"] and second["count"] is None
    Story.objects.filter(key="PAY-2").delete()
    third = as_ana.get(second["next"]).json()
    assert keys(third) == ["PAY-1"] and third["next"] is None
    assert keys(as_ana.get(third["previous"]).json()) == ["PAY-5", "PAY-4", "PAY-3"]


def test_the_way_back_ends_at_the_newest(as_ana: Client, write: Callable[[int], None]) -> None:
    write(5)
    second = as_ana.get(as_ana.get(f"{V1}stories/?page_size=2").json()["next"]).json()
    write(1)
    first = as_ana.get(second["previous"]).json()
    assert keys(first) == ["PAY-5", "PAY-4"]
    newest = as_ana.get(first["previous"]).json()
    assert (keys(newest), newest["previous"]) == (["PAY-6"], None)


def test_the_filters_stay_in_the_links(as_ana: Client, write: Callable[[int], None]) -> None:
    write(4)
    Story.objects.filter(key__in=["PAY-2", "PAY-3"]).update(type="defect")
    page = as_ana.get(f"{V1}stories/?type=user_story&page_size=1").json()
    assert (page["count"], keys(page)) == (2, ["PAY-4"])
    assert keys(as_ana.get(page["next"]).json()) == ["PAY-1"]


def test_pages_by_number_are_there_for_who_asks(as_ana: Client, write: Callable[[int], None]) -> None:
    write(5)
    second = as_ana.get(f"{V1}stories/?page_size=2&page=2").json()
    assert (second["count"], keys(second)) == (5, ["PAY-3", "PAY-2"])
    assert "page=3" in second["next"] and "page=" not in second["previous"].replace("page_size=", "")
    assert as_ana.get(f"{V1}stories/?page=9").status_code == 404


@pytest.mark.parametrize("place", ["x", "W10:1:2", "", "a" * 5000, "%00"])
def test_what_is_no_place_is_refused(as_ana: Client, write: Callable[[int], None], place: str) -> None:
    write(1)
    answer = as_ana.get(f"{V1}stories/?cursor={place}")
    assert answer.status_code == (400 if place else 200)


def test_a_place_of_another_list_is_refused(as_ana: Client, ana: User, write: Callable[[int], None]) -> None:
    write(3)
    place = as_ana.get(f"{V1}stories/?page_size=1").json()["next"].partition("cursor=")[2]
    answer = as_ana.get(f"{V1}squads/?cursor={place}")
    assert answer.status_code == 400
    assert "Unknown place in this list." in answer.content.decode()


def test_events_have_no_pages_by_number(as_ana: Client) -> None:
    assert as_ana.get(f"{V1}events/?page=2").status_code == 400


def test_events_are_counted_while_they_are_few(as_ana: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source.objects.create(key="ci", name="CI", kind="report")
    for number in range(4):
        InboundEvent.objects.create(source=source, delivery=str(number), body=b"{}", received_at=START)
    assert as_ana.get(f"{V1}events/?state=pending").json()["count"] == 4
    monkeypatch.setattr("releases.reading.api.EventPages.most_counted", 3)
    assert as_ana.get(f"{V1}events/?state=pending").json()["count"] is None


# Any order

WHEN = st.one_of(st.none(), st.integers(0, 3))
ORDERS: list[list[Any]] = [
    ["finished_at"],
    ["-finished_at", "key"],
    [F("finished_at").desc(nulls_first=True), "pk"],
    [F("finished_at").asc(nulls_first=True), "-key"],
    [F("finished_at").desc(nulls_last=True), "-started_at", "-pk"],
    ["key", F("started_at").asc(nulls_last=True)],
    [Case(When(key="1", then=Value(1)), default=Value(0)), F("finished_at").desc(), "-started_at"],
    [Case(When(key="1", then=None), default=F("started_at")).desc(), F("key")],
]


@pytest.mark.django_db
@pytest.mark.parametrize("order", range(len(ORDERS)))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(WHEN, WHEN, st.integers(0, 2)), max_size=9), size=st.integers(1, 4))
def test_reading_on_from_each_place_is_reading_the_whole_list(
    order: int, rows: list[tuple[int | None, int | None, int]], size: int
) -> None:
    Run.objects.all().delete()
    InboundEvent.objects.all().delete()
    Source.objects.all().delete()
    source = Source.objects.create(key="ci", name="CI", kind="report")
    event = InboundEvent.objects.create(source=source, delivery="1", body=b"{}", received_at=START)
    for number, (finished, started, key) in enumerate(rows):
        Run.objects.create(
            id=stable_id("run", number),
            key=str(key),
            event=event,
            finished_at=None if finished is None else START + timedelta(days=finished, microseconds=1),
            started_at=None if started is None else START + timedelta(days=started),
        )
    found = keyset.ordered(Run.objects.order_by(*ORDERS[order]))
    assert found is not None
    listed, columns = found
    whole = list(listed)
    for backwards in (False, True):
        expected = whole[::-1] if backwards else whole
        towards = listed.reverse() if backwards else listed
        read = [column.turned() for column in columns] if backwards else columns
        seen, place = list[UUID](), ""
        while True:
            values = keyset.place_named(place, columns)[0] if place else None
            page = list((towards if values is None else towards.filter(keyset.behind(read, values)))[:size])
            if not page:
                break
            seen += [row.pk for row in page]
            place = keyset.place_of(page[-1], columns, backwards=backwards)
        assert seen == [row.pk for row in expected]


@pytest.mark.django_db
def test_an_order_that_is_no_order_by_columns_has_no_places() -> None:
    assert keyset.ordered(Release.objects.order_by("?")) is None
    assert keyset.ordered(Story.objects.order_by("squad")) is None
    assert keyset.ordered(Story.objects.order_by("pk")[:5]) is None
    assert keyset.ordered(Story.objects.filter(pk=1).union(Story.objects.filter(pk=2))) is None
    assert keyset.ordered(Story.objects.order_by("squad__name")) is not None
