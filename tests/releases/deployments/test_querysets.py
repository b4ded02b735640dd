"""Which deployments count, which are in production, and what runs: each said in one place."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import Q

from releases.deployments.models import AcceptanceRun, Deployment
from releases.environments import queries
from releases.environments.models import Environment
from releases.inbox.models import InboundEvent, Source
from squads.models import Service

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def event(db: None) -> InboundEvent:
    source = Source.objects.create(key="ci", name="CI", kind="report")
    return InboundEvent.objects.create(source=source, kind="report", delivery="1", body=b"{}", received_at=AT)


@pytest.fixture
def places(db: None) -> dict[str, Environment]:
    tiers = {"prod": "production", "old": "production", "stage": "staging", "test": "testing", "dev": "development"}
    return {
        key: Environment.objects.create(
            key=key, slug=key, name=key, tier=tier, gone_at=AT + timedelta(days=9) if key == "old" else None
        )
        for key, tier in tiers.items()
    }


@pytest.fixture
def put(event: InboundEvent, places: dict[str, Environment], checkout: Service) -> Any:
    def made(version: str, place: str = "prod", hours: float | None = 0, **fields: Any) -> Deployment:
        values = {"phase": "finished", "outcome": "success", "service": checkout, **fields}
        finished = None if hours is None else AT + timedelta(hours=hours)
        return Deployment.objects.create(
            id=uuid4(),
            key=version,
            environment=places[place],
            version=version,
            finished_at=finished,
            event=event,
            **values,
        )

    return made


def versions(rows: Any) -> list[str]:
    return sorted(rows.values_list("version", flat=True))


def test_what_failed_is_under_way_unhealthy_or_without_a_time_is_no_success(put: Any) -> None:
    put("1.0")
    put("1.1", outcome="failure")
    put("1.2", phase="running", outcome="")
    put("1.3", healthy=False)
    put("1.4", hours=None)
    put("1.5", "stage")
    assert versions(Deployment.objects.successful()) == ["1.0", "1.5"]
    assert versions(Deployment.objects.successful().in_production()) == ["1.0"]
    assert versions(Deployment.objects.before_production()) == ["1.5"]


def test_what_runs_is_the_newest_success_of_each_service_in_each_environment(put: Any) -> None:
    search = Service.objects.create(name="search", slug="search")
    put("1.0")
    put("1.1", hours=1)
    put("1.2", hours=2, outcome="failure")
    put("1.3", hours=3, healthy=False)
    put("2.0", "stage")
    put("3.0", hours=-5, service=search)
    put("9.0", "old")
    assert versions(Deployment.objects.running(Q())) == ["1.1", "2.0", "3.0"]
    assert versions(Deployment.objects.running(Q()).in_production()) == ["1.1", "3.0"]


def test_nothing_runs_where_it_was_removed_until_it_is_put_there_again(put: Any) -> None:
    put("1.0")
    put("gone", hours=1, kind="removal")
    assert versions(Deployment.objects.running(Q())) == []
    put("1.1", hours=2)
    assert versions(Deployment.objects.running(Q())) == ["1.1"]


def test_of_two_at_one_moment_one_runs_and_it_is_the_one_the_page_shows(
    put: Any, places: dict[str, Environment]
) -> None:
    for version in ("1.0", "1.1", "1.2"):
        put(version)
    [shown] = queries.running(list(queries.services_in(places["prod"])))
    assert versions(Deployment.objects.running(Q())) == [shown.now.version]


def test_lists_begin_with_what_is_under_way(put: Any) -> None:
    put("1.0")
    put("1.1", hours=5)
    put("1.2", hours=None, phase="running", outcome="")
    rows = Deployment.objects.newest_first()
    assert list(rows.values_list("version", flat=True)) == ["1.2", "1.1", "1.0"]


def test_a_check_that_was_skipped_or_goes_on_gives_no_verdict(
    event: InboundEvent, places: dict[str, Environment]
) -> None:
    for number, (phase, outcome) in enumerate(
        [
            ("finished", "success"),
            ("finished", "error"),
            ("finished", "skipped"),
            ("running", ""),
            ("finished", "warning"),
        ]
    ):
        AcceptanceRun.objects.create(
            id=uuid4(),
            key=str(number),
            environment=places["test"],
            phase=phase,
            outcome=outcome,
            finished_at=AT,
            event=event,
        )
    assert sorted(AcceptanceRun.objects.with_verdict().values_list("key", flat=True)) == ["0", "1"]
    assert AcceptanceRun.objects.before_production().count() == 5
