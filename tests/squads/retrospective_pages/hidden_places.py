"""Everywhere a retrospective could be seen, and what a restricted one would leave there.

Each place is looked at before there is a restricted one and after: it must say the same, to the letter. So a number that is one
higher is found as well as a title. A test does it with a few of them, the bench with 10,000.
"""

import io
import re
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import Client

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.days import today
from releases.contents.models import ReleaseContent
from releases.environments.actions import create_environment
from releases.incidents.actions import open_incident
from releases.models import Environment, Incident, Release
from releases.planning.actions import create_release
from squads.models import Retrospective, RetrospectiveAction, Service, Squad, Story
from squads.retrospective_actions.actions import propose, start
from squads.retrospectives import actions
from squads.retrospectives.editing import edit

# Words that only the restricted one has: in its title (and so in its address), text, theme, severity, timeline and action.
TITLE, TEXT, THEME, SEVERITY, ENTRY, DEED = "zanzibarite", "quixotryx", "hushtheme", "sevhush", "hushentry", "hushdeed"
WORDS = (TITLE, TEXT, THEME, SEVERITY, ENTRY, DEED)
# The year that only it is about.
YEAR = 1999
LIST, API = "/retrospectives/", "/api/v1/retrospectives/"


@dataclass(frozen=True)
class World:
    """What there is besides: a squad with a service, and an incident, a release and a retrospective about it."""

    squad: Squad
    member: User
    service: Service
    alike: Retrospective
    incident: Incident
    release: Release
    environment: Environment
    story: Story


def made(squad: Squad, service: Service, *, member: User, planner: User) -> World:
    """Make what there is before anything is hidden. The retrospective is about today, four years ago."""
    incident = open_incident(by=planner, title="Checkout was down", services=[service])
    release = create_release(by=planner, version="9.9", line="Places")
    ReleaseContent.objects.create(release=release, service=service, sha="1f" * 20, by=planner)
    began = _this_day(2)
    about = actions.Subject(began_at=began, services=[service], kind="incident", key=str(incident.pk))
    alike = actions.create(squad, by=member, kind="incident", title="The cache", subject=about, themes=["cache"])
    edit(alike, by=member, **{"section:summary": "It was cold.", "section:learnings": "Warm it."})
    action = propose(alike, by=member, title="Warm the cache", kind="prevent")
    return World(
        squad=squad,
        member=member,
        service=service,
        alike=actions.publish(alike, by=member),
        incident=incident,
        release=release,
        environment=create_environment(by=planner, key="places", tier="staging"),
        story=start(action, by=member),
    )


def _this_day(years: int) -> datetime:
    now = clock.now()
    return now.replace(year=now.year - years * 4, month=now.month, day=min(now.day, 28))


def hidden(world: World, *, restricted: bool = True) -> Retrospective:
    """Publish one with everything that could be seen somewhere. It's about the same service and incident, and today."""
    about = actions.Subject(
        began_at=_this_day(1),
        services=[world.service],
        severity=SEVERITY,
        kind="incident",
        key=str(world.incident.pk),
        title=str(world.incident),
        url=world.incident.get_absolute_url(),
    )
    # A squad has one about an incident, so that this one is told afterwards what it's about.
    told = actions.Subject(began_at=about.began_at, services=about.services, severity=SEVERITY)
    row = actions.create(
        world.squad,
        by=world.member,
        kind="incident",
        title=f"The {TITLE} cache",
        subject=told,
        themes=["cache", THEME],
        restricted=restricted,
    )
    Retrospective.objects.filter(pk=row.pk).update(
        subject_kind=about.kind,
        subject_key=about.key,
        subject_title=about.title,
        subject_url=about.url,
        year=YEAR,
    )
    row.refresh_from_db()
    text = f"The {TEXT} was cold, see {world.story.key}."
    edit(row, by=world.member, **{"section:summary": text, "section:learnings": f"Ask the {TEXT}."})
    actions.add_entry(row, by=world.member, text=f"{ENTRY} for {world.story.key}", at=about.began_at)
    for number in range(2):
        action = propose(row, by=world.member, title=f"{DEED} {number}", kind="prevent")
        RetrospectiveAction.objects.filter(pk=action.pk).update(
            due=today() - timedelta(days=3), proposed_at=datetime(2024, 1, 2, tzinfo=UTC)
        )
    return actions.publish(row, by=world.member)


def places(world: World) -> dict[str, list[str]]:
    """Return the addresses at which a retrospective can be seen, by what they are."""
    subject = f"incident:{world.incident.pk}"
    filters = [
        f"theme={THEME}",
        f"severity={SEVERITY}",
        f"year={YEAR}",
        f"subject={subject}",
        "state=in_review",
        f"service={world.service.slug}",
        f"squad={world.squad.slug}",
        "theme=cache",
    ]
    typed = [TITLE, f"the {TEXT}", THEME]
    misspelt = [TITLE[:-1] + "a", f"cache {TEXT.replace('x', 'xx', 1)}"]
    own = world.alike.get_absolute_url()
    return {
        "list": [LIST, f"{LIST}?page=2"],
        "list, narrowed, and what it can be narrowed by": [f"{LIST}?{each}" for each in filters],
        "list, searched": [f"{LIST}?q={each}" for each in [*typed, *misspelt]],
        "search": [f"/search/?q={each}" for each in typed] + [f"/search/?q={TITLE}&kind=retrospective"],
        "search, misspelt": [f"/search/?q={each}" for each in misspelt],
        "suggestions": [f"/search/suggestions/?q={each}" for each in [*typed, *misspelt]],
        "search of the API": [f"/api/v1/search/?q={each}" for each in [*typed, *misspelt]],
        "feed": [f"{LIST}feed.atom", f"{LIST}feed.atom?theme=cache"],
        "export of all as JSON": [f"{LIST}export.json?{each}" for each in filters],
        "export of all as Markdown": [f"{LIST}export.zip?{each}" for each in filters],
        "list of the API": [API, *(f"{API}?{each}" for each in filters), f"{API}?q={TEXT}"],
        "actions of the API": ["/api/v1/retrospective-actions/"],
        "actions": [f"{LIST}actions/", f"{LIST}actions/?squad={world.squad.slug}", f"{LIST}actions/?show=asked"],
        "page of one alike, with what is related": [own, f"{own}versions/", f"{own}export.md", f"{own}export.json"],
        "timeline of one alike": [f"{API}{world.alike.slug}/timeline/"],
        "home": ["/"],
        "incident": [world.incident.get_absolute_url(), f"/api/v1/incidents/{world.incident.key}/"],
        "service": [world.service.get_absolute_url()],
        "environment": [world.environment.get_absolute_url()],
        "squad": [world.squad.get_absolute_url()],
        "release and its readiness": [
            world.release.get_absolute_url(),
            f"{world.release.get_absolute_url()}readiness/",
            "/readiness/",
        ],
        "story": [world.story.get_absolute_url(), f"/api/v1/stories/{world.story.key}/"],
    }


def own_addresses(row: Retrospective) -> tuple[list[str], list[str]]:
    """Return the addresses of one retrospective itself: those that are read, and those that are written to."""
    page, api = row.get_absolute_url(), f"{API}{row.slug}/"
    parts = ("", "edit/", "people/", "timeline/new/", "timeline/dropped/", "versions/", "versions/compare/", "session/")
    read = [f"{page}{part}" for part in (*parts, "session/parts/", "export.md", "export.json", "actions/new/")]
    read += [api, f"{api}timeline/", f"{api}session/"]
    return read, [f"{page}{part}" for part in ("read/", "learned/", "review/", "publication/", "timeline/")]


def look(browser: Client, world: World, *names: str) -> dict[str, str]:
    """Return what every place says, or those named, without what is new with each answer: tokens, and how long ago it was."""
    there = places(world)
    return {address: _said(browser, address) for name in names or there for address in there[name]}


def _said(browser: Client, address: str) -> str:
    answer: Any = browser.get(address)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if address.startswith(f"{LIST}export.zip") and answer.status_code == 200:
        with zipfile.ZipFile(io.BytesIO(body)) as files:
            return "\n".join(f"{name}: {files.read(name).decode()}" for name in files.namelist())
    text = body.decode()
    for changes in (
        r'cursor=[^"&]+',
        r'value="[A-Za-z0-9]{64}"',
        r'"X-CSRFToken": "\w+"',
        r"<time[^>]*>[^<]*</time>",
        r"\d\d:\d\d(:\d\d)?",
    ):
        text = re.sub(changes, "", text)
    return f"{answer.status_code} {text}"


def leaks(before: dict[str, str], after: dict[str, str]) -> dict[str, list[str]]:
    """Return the addresses that say something else than before, each with words of the restricted one that they say."""
    found = {}
    for address, text in after.items():
        words = [word for word in WORDS if word in text.casefold() and word not in address]
        if text != before[address] or words:
            found[address] = words
    return found
