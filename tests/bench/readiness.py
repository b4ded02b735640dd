"""The readiness of a release of 200 stories over 12 services, and of 50 releases at once, against 200 plain cards."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, reset_queries
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel.stable_ids import stable_id
from releases.contents.models import ReleaseContent
from releases.inbox.models import InboundEvent, Source
from releases.models import AcceptanceRun, Artifact, Change, Deployment, Environment, Repository, Run, StoryLink
from releases.planning.models import Release
from releases.providers import schema_files
from releases.readiness.queries import readiness_of
from squads.models import Service, Story
from tests.bench import data
from tests.bench.squad_board import _in_turns

SERVICES, STORIES, RELEASES, COMMITS = 12, 200, 50, 200


def _sha(number: int, nth: int) -> str:
    return f"{number:08x}{nth:032x}"


def _service(
    number: int, release: Release, event: InboundEvent, places: list[Environment], by: User
) -> dict[int, Change]:
    """Make a service with a history: 200 commits, runs, deployments and checks. The newest commit ships; production runs the
    hundredth. Return the commits by their place."""
    service = Service.objects.create(name=f"service-{number}", slug=f"service-{number}")
    repository = Repository.objects.create(key=f"bench/{service.name}", service=service)
    artifact = Artifact.objects.create(
        id=stable_id("bench artifact", number),
        purl=f"pkg:oci/{service.name}@sha256:{number:064x}",
        sha=_sha(number, COMMITS - 1),
    )
    commits = {
        nth: Change(
            id=stable_id("bench change", number, nth),
            repository=repository,
            sha=_sha(number, nth),
            event=event,
            known=True,
            position=nth,
            landed=nth,
            committed_at=data.T0 + timedelta(hours=nth),
            schema_kind="expand" if nth % 20 == 0 else "",
            files=[f"db/migrations/{nth:04}.sql"] if nth % 20 == 0 else [],
            files_asked=len(schema_files.wanted(schema_files.DEFAULT)),
        )
        for nth in range(COMMITS)
    }
    Change.objects.bulk_create(commits.values())
    ReleaseContent.objects.create(release=release, service=service, sha=artifact.sha, purl=artifact.purl, by=by)
    for model, extra in ((Run, {}), (Deployment, {"environment": True}), (AcceptanceRun, {"environment": True})):
        rows = []
        for nth in range(COMMITS):
            at = data.T0 + timedelta(hours=nth)
            own = {"environment": places[nth % len(places)]} if extra else {"repository": repository, "pipeline": "ci"}
            ships = nth > COMMITS - 5 and own.get("environment") is not places[-1]
            sha = artifact.sha if ships else _sha(number, min(nth, COMMITS // 2))
            rows.append(
                model(
                    id=stable_id("bench", model.__name__, number, nth),
                    key=f"{number}-{nth}",
                    service=service,
                    sha=sha,
                    artifact=artifact if ships else None,
                    phase="finished",
                    outcome="success",
                    started_at=at,
                    finished_at=at,
                    event=event,
                    **own,
                )
            )
        model.objects.bulk_create(rows)  # type: ignore[attr-defined]
    return commits


def _filled() -> Release:
    """Fill the release."""
    by = User.objects.get_or_create(username="bench-readiness")[0]
    release = Release.objects.create(version="1.0", line="ready", slug="ready-1.0")
    source = Source.objects.create(key="ready", name="Ready", kind="report")
    event = InboundEvent.objects.create(source=source, delivery="1", body=b"", received_at=data.T0)
    places = [
        Environment.objects.create(key=f"bench-{tier}", slug=f"bench-{tier}", name=tier, tier=tier)
        for tier in ("testing", "staging", "production")
    ]
    for squad in data.squads(5, "R"):
        data.stories(squad, STORIES // 5, release=release, evidence=10)
    services = [_service(number, release, event, places, by) for number in range(1, SERVICES + 1)]
    for nth, story in enumerate(Story.objects.filter(release=release)):
        # Spread over what production lacks.
        change = services[nth % SERVICES][COMMITS // 2 + 1 + nth // SERVICES * 5]
        StoryLink.objects.create(change=change, key=story.key, story=story, rule="message")
        own = {"service": f"service-{nth % SERVICES + 1}", "shas": [change.sha]}
        story.evidence.filter(kind="change").update(**own)
    Story.objects.filter(release=release).judge()
    return release


def run(row: Callable[..., dict[str, Any]]) -> list[dict[str, Any]]:
    """Measure both, in turns with the plain cards."""
    release = _filled()
    others = [Release.objects.create(version=f"2.{n}", line="ready", slug=f"ready-2.{n}") for n in range(RELEASES - 1)]
    for squad, other in zip(data.squads(RELEASES - 1, "M"), others, strict=True):
        data.stories(squad, 4, release=other, evidence=3)
    Story.objects.filter(release__in=others).judge()
    data.analyze()
    reset_queries()
    with CaptureQueriesContext(connection) as one:
        assert readiness_of([release])
    # Counted at once: the next request empties the log.
    of_one = len(one)
    reset_queries()
    with CaptureQueriesContext(connection) as many:
        assert len(readiness_of([release, *others])) == RELEASES
    of_many = len(many)
    browser = Client()
    browser.force_login(User.objects.get(username="bench-readiness"))
    address = f"/api/v1/releases/{release.slug}/readiness/"
    plain, api, page = _in_turns(
        lambda: browser.get("/bench/cards/"),
        lambda: browser.get(address),
        lambda: browser.get(f"/releases/{release.slug}/readiness/"),
        count=25,
    )
    return [
        row("readiness of 200 stories, 12 services: queries", of_one, "", 20),
        row("readiness of 50 releases: queries", of_many, "", 20),
        row("readiness of 200 stories over the API", api, "ms"),
        row("readiness ÷ plain cards", api / plain, "×", 4),
        row("page of readiness ÷ plain cards", page / plain, "×"),
    ]
