"""The sample company: enough of a company to see every page at work.

People's rows are made with the verbs people use; everything else is a generated git repository and events that go
through the inbox like anybody's. Everything is dated back from the moment it is loaded.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.outbox import publish
from portal.sample.reports import MERGED, REPOSITORY, all_reports
from portal.search.events import SearchEmptied
from releases.environments.actions import create_environment
from releases.inbox.actions import store
from releases.inbox.models import InboundEvent, Source
from releases.models import (
    AcceptanceRun,
    Artifact,
    Change,
    Deployment,
    Environment,
    FlagState,
    Incident,
    Mainline,
    Release,
    Repository,
    Run,
    StoryLink,
    Tag,
    TagMove,
)
from releases.planning.actions import create_release
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.reading.actions import drain_inbox
from releases.sources import connect_git
from releases.sources.actions import create_push_source
from squads.endings.actions import cancel, close_as_duplicate
from squads.models import Evidence, Membership, Service, Squad, Story
from squads.stories.actions import create_story, record_by_hand
from squads.teams.actions import archive_squad, create_service, create_squad

PEOPLE = {"sample-ana": "Ana Ortega", "sample-kofi": "Kofi Mensah", "sample-mei": "Mei Lin", "sample-talk": "The talk"}
SQUADS = {
    "PAY": ("Payments", "horizontal", "People pay once, correctly, the way they like.", "sample-ana"),
    "SRCH": ("Search", "horizontal", "People find what they mean, not what they typed.", "sample-kofi"),
    "PLAT": ("Platform", "vertical", "Squads deploy without asking anybody.", "sample-mei"),
    "OH": ("OneHealth", "horizontal", "The company of the talk, in 2012 and 2013.", "sample-talk"),
}
SERVICES = {"checkout": "PAY", "search": "SRCH", "gateway": "PLAT"}
PLACES = (
    ("test", "Test", "testing", "Berlin", "lab"),
    ("staging", "Staging", "staging", "Frankfurt", "stage-1"),
    ("production", "Production", "production", "Frankfurt", "prod-1"),
)
PUSH, CHANGES, GIT = "sample-events", "sample-changes", "sample-checkout"
# The talk's slide "Release Summary 2013": version, date, user stories, defects.
TALK = (
    ("5.6", date(2012, 12, 20), 3, 20),
    ("5.7", date(2013, 1, 4), 8, 49),
    ("5.8", date(2013, 1, 9), 0, 4),
    ("5.9", date(2013, 1, 17), 2, 12),
    ("5.10", date(2013, 1, 25), 3, 26),
    ("5.11", date(2013, 2, 7), 4, 21),
    ("5.12", date(2013, 2, 14), 3, 14),
    ("5.13", date(2013, 3, 18), 5, 29),
    ("6.0", date(2013, 4, 15), 19, 169),
)
TALK_NOTE = "Counted on the talk's slide “Release Summary 2013”. What it was is not known."

# key, type, title, flag, and hours ago: begun, dev done (neither: to do)
STORIES: tuple[tuple[str, str, str, str, tuple[float, ...]], ...] = (
    ("PAY-1", "user_story", "Pay with a stored card in one step", "", (445, 415)),
    ("PAY-2", "user_story", "Refund to a gift card", "", (330, 299)),
    ("PAY-3", "user_story", "Send the invoice as PDF", "", (310, 289)),
    ("PAY-4", "user_story", "Split one purchase over two cards", "", (200, 165)),
    ("PAY-5", "user_story", "Remind before a stored card expires", "", (80, 59)),
    ("PAY-6", "defect", "VAT is rounded per item instead of per invoice", "", (30, 19)),
    ("PAY-7", "user_story", "Show prices in the visitor's currency", "", (40,)),
    ("PAY-8", "defect", "The receipt shows the wrong time zone", "", ()),
    ("PAY-9", "user_story", "Pay by cheque", "", ()),
    ("PAY-10", "defect", "The receipt is an hour off in summer", "", ()),
    ("SRCH-1", "user_story", "Find products despite typing errors", "typo-search", (240, 209)),
    ("SRCH-2", "user_story", "Suggest while typing", "", (110, 79)),
    ("SRCH-3", "defect", "Umlauts are not found", "", (345, 329)),
    ("SRCH-4", "chore", "Move the index to the new cluster", "", (120, 70)),
    ("PLAT-1", "chore", "Rotate the certificates of the load balancers", "", (130, 91)),
    ("PLAT-2", "user_story", "Carry the request id from gateway to checkout", "", (275, 253)),
    ("PLAT-3", "chore", "Drain connections before a restart", "", (26,)),
)
WRITTEN = timedelta(hours=52)  # before its work began, or before now
CRITERIA = {
    "PAY-1": "A stored card pays in one step\nThe receipt arrives within a minute",
    "PAY-4": "Two cards share the amount\nIf the second is declined, the first is not charged",
    "SRCH-1": "“trouser” finds trousers\nResults arrive within 200 ms",
}


# Priority, labels, and in how many days it is needed.
PLANNED: dict[str, tuple[str, tuple[str, ...], int | None]] = {
    "PAY-4": ("high", ("checkout",), 4),
    "PAY-5": ("normal", ("cards", "mail"), None),
    "PAY-6": ("urgent", ("invoices",), 1),
    "PAY-7": ("normal", ("checkout",), 12),
    "PAY-8": ("low", ("invoices",), None),
    "SRCH-2": ("high", ("suggestions",), 6),
    "SRCH-4": ("low", (), None),
    "PLAT-3": ("normal", ("operations",), 3),
}


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of the generated repository: hours ago, author, message, and the tag that follows it."""

    ago: float
    author: str
    message: str
    tag: str = ""


COMMITS = (
    Commit(600, "sample-ana", "Begin the checkout"),
    Commit(430, "sample-ana", "PAY-1 Offer stored cards"),
    Commit(420, "sample-ana", "PAY-1 Ask for confirmation only once"),
    Commit(400, "sample-mei", "Upgrade the web framework", "v1.0"),
    Commit(300, "sample-ana", "PAY-2 Refund to a gift card"),
    Commit(290, "sample-ana", "PAY-3 Render invoices as PDF"),
    Commit(250, "sample-mei", "PLAT-2 Read the request id from the gateway", "v1.1"),
    Commit(170, "sample-ana", "PAY-4 Split the amount over two cards"),
    Commit(160, "sample-ana", "Make the total easier to read", "v1.2"),
    Commit(60, "sample-ana", "PAY-5 Find stored cards that expire soon"),
    Commit(50, "sample-mei", "Silence a warning of the linter"),
    Commit(20, "sample-ana", "PAY-6 Round the VAT once per invoice"),
)


class Refused(Exception):
    """The sample cannot be loaded here; the text says why."""


def is_empty() -> bool:
    """Say whether the portal holds nothing that anybody made."""
    return not (Squad.objects.exists() or Source.objects.exists() or Release.objects.exists())


def load(say: Callable[[str], None] = lambda line: None) -> None:
    """Load the sample company. Raises Refused when a squad or source of it is there already."""
    if (
        Squad.objects.filter(key_prefix__in=SQUADS).exists()
        or Source.objects.filter(key__in=(PUSH, CHANGES, GIT)).exists()
    ):
        raise Refused("The sample company, or a squad with one of its keys, is here already. Try remove_sample first.")
    at = clock.now().replace(microsecond=0)
    say("people, squads, and the nine releases of the talk")
    squads = _squads()
    # The oldest first, so that lists of what is new begin with the company's own work.
    _talk()
    say("services and stories")
    stories = _company(at, squads)
    say("a git repository, pulled")
    folder = make_repository(at)
    source, _ = connect_git.connect_git(
        by=None,
        url=str(folder),
        service="checkout",
        squad=Squad.objects.get(key_prefix="PAY"),
        release_tags="v*",
        name=GIT,
        repository=REPOSITORY,
    )
    _pulled(source)
    say("events of CI, deployments and checks")
    shas = dict(Change.objects.filter(repository__key=REPOSITORY).values_list("subject", "sha"))
    send(at, shas)
    drain_inbox()
    record_by_hand(
        stories["PLAT-1"],
        by=_person("sample-mei"),
        kind="deployment",
        at=at - timedelta(hours=90),
        note="Certificates replaced on both load balancers; no pipeline does this yet.",
    )
    record_by_hand(
        stories["PLAT-1"],
        by=_person("sample-kofi"),
        kind="acceptance",
        at=at - timedelta(hours=88),
        note="Checked with a browser and openssl: both present the new certificate.",
    )
    _settled()


def _person(name: str) -> User:
    first, _, last = PEOPLE[name].partition(" ")
    person, new = User.objects.get_or_create(username=name, defaults={"first_name": first, "last_name": last})
    if new:
        person.set_unusable_password()
        person.save(update_fields=["password"])
    return person


@transaction.atomic
def _squads() -> dict[str, Squad]:
    return {
        prefix: create_squad(by=_person(who), name=name, key_prefix=prefix, kind=kind, mission=mission)
        for prefix, (name, kind, mission, who) in SQUADS.items()
    }


@transaction.atomic
def _company(at: datetime, squads: dict[str, Squad]) -> dict[str, Story]:
    for person in User.objects.filter(is_superuser=True):
        Membership.objects.get_or_create(squad=squads["PAY"], user=person)
    for order, (key, name, tier, location, cluster) in enumerate(PLACES):
        if Environment.objects.find(key) is None:
            create_environment(
                by=None,
                key=key,
                name=name,
                tier=tier,
                location=location,
                cluster=cluster,
                realm="market",
                order=(order + 2) * 10,
            )
    for name, prefix in SERVICES.items():
        repositories = [] if name == "checkout" else [f"market/{name}"]
        create_service(by=_person(SQUADS[prefix][3]), name=name, squad=squads[prefix], repositories=repositories)
    planned = create_release(
        by=_person(SQUADS["PAY"][3]),
        version="2026.4",
        line="market",
        planned_for=(at + timedelta(days=6)).date(),
        notes="Everything the market needs before the holidays.",
    )
    stories = {each[0]: _story(squads, planned, at, *each) for each in STORIES}
    cancel(stories["PAY-9"], by=_person("sample-ana"), because="Two visitors asked for it in five years.")
    close_as_duplicate(stories["PAY-10"], "PAY-8", by=_person("sample-kofi"))
    return stories


def _story(
    squads: dict[str, Squad],
    planned: Release,
    at: datetime,
    key: str,
    type_: str,
    title: str,
    flag: str,
    steps: tuple[float, ...],
) -> Story:
    prefix = key.partition("-")[0]
    person = _person(SQUADS[prefix][3])
    story = create_story(
        squads[prefix],
        by=person,
        title=title,
        type=type_,
        release=planned,
        flag=flag,
        acceptance_criteria=CRITERIA.get(key, ""),
        assignees=[person] if steps else [],
        **_planned(key, at),
    )
    for step, ago in zip(("in_progress", "dev_done"), steps, strict=False):
        story.move_progress(step, by=person, at=at - timedelta(hours=ago))
    written = at - timedelta(hours=max(steps, default=0)) - WRITTEN
    Story.objects.filter(pk=story.pk).update(created_at=written)
    return story


def _planned(key: str, at: datetime) -> dict[str, Any]:
    """Return what people said beside the texts: priority, labels and, of some, the day by which it is needed."""
    priority, labels, days = PLANNED.get(key, ("normal", (), None))
    due = None if days is None else (at + timedelta(days=days)).date()
    return {"priority": priority, "labels": list(labels), "due": due}


def make_repository(at: datetime) -> Path:
    """Write the generated repository with git itself; return where it is."""
    folder = Path(settings.STATE_DIR) / "sample" / "checkout.git"
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    for number, commit in enumerate(COMMITS, start=1):
        when = int((at - timedelta(hours=commit.ago)).timestamp())
        person = f"{PEOPLE[commit.author]} <{commit.author}@example.org> {when} +0000"
        text = f"step {number}\n"
        lines += [f"commit refs/heads/main\nmark :{number}\nauthor {person}\ncommitter {person}"]
        lines += [f"data {len(commit.message.encode())}\n{commit.message}"]
        lines += [
            *([f"from :{number - 1}"] if number > 1 else []),
            f"M 100644 inline steps.txt\ndata {len(text)}\n{text}",
        ]
        if commit.tag:
            lines += [f"tag {commit.tag}\nfrom :{number}\ntagger {person}\ndata {len(commit.tag)}\n{commit.tag}"]
    for command, given in (
        (["init", "--quiet", "--bare", "--initial-branch=main", str(folder)], None),
        (["-C", str(folder), "fast-import", "--quiet"], "\n".join(lines) + "\n"),
    ):
        subprocess.run(["git", *command], input=given, text=True, check=True, capture_output=True, timeout=60)
    return folder


def _pulled(source: Source, patience: float = 60) -> None:
    """Pull the repository here, or wait for the worker that was quicker."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        source.refresh_from_db()
        if source.last_success_at is not None:
            break
        if source.last_error:
            raise Refused(f"The sample repository could not be pulled: {source.last_error}")
        lease = leases.lease_now(source)
        if lease is not None:
            pulling.pull_source(source.pk, lease)
        else:
            time.sleep(0.2)
    _settled()


def _settled(patience: float = 60) -> None:
    """Work off what waits, or wait for the worker that has it."""
    until = time.monotonic() + patience
    while InboundEvent.objects.filter(state="pending").exists() and time.monotonic() < until:
        if not drain_inbox():
            time.sleep(0.1)


def send(at: datetime, shas: dict[str, str]) -> None:
    """Send what the sample company's CI and deploy systems would have said."""
    reports, _ = create_push_source(by=None, kind="report", name="Sample events")
    changes, _ = create_push_source(by=None, kind="cdevents", name="Sample changes")
    for number, (kind, ago, payload) in enumerate(all_reports(shas)):
        moment = at - timedelta(hours=ago)
        delivery = f"sample-{number}"
        if kind == MERGED:
            payload["context"]["timestamp"] = clock.iso(moment)
        payload = {
            name: clock.iso(at - timedelta(hours=value)) if name.endswith("_at") or name == "at" else value
            for name, value in payload.items()
        }
        store(
            changes if kind == MERGED else reports,
            delivery=delivery,
            kind=kind,
            body=json.dumps(payload).encode(),
            content_type="application/json",
            headers={"source": PUSH, "delivery": delivery, "received-at": clock.iso(moment) or ""},
            at=moment,
        )


def _talk() -> None:
    """The nine releases of 2012 and 2013: 47 user stories and 344 defects, each vouched for by the slide, by hand."""
    squad = Squad.objects.get(key_prefix="OH")
    person = _person("sample-talk")
    for version, day, user_stories, defects in TALK:
        moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        with transaction.atomic():
            release = create_release(by=person, version=version, line="OneHealth", released_at=moment)
            for type_, name, count in (("user_story", "User story", user_stories), ("defect", "Defect", defects)):
                for number in range(1, count + 1):
                    story = create_story(
                        squad,
                        by=person,
                        title=f"{name} {number} of {count} in {version}",
                        type=type_,
                        release=release,
                        description=TALK_NOTE,
                    )
                    record_by_hand(story, by=person, kind="deployment", at=moment, note=TALK_NOTE)
            Story.objects.filter(release=release).update(created_at=moment)
    archive_squad(squad, by=person, because="The company of the talk. Its releases are here to look at.")


@transaction.atomic
def remove() -> bool:
    """Take the sample company away again; return False if it is not here.

    What others made stays: their stories in a sample squad keep the squad, and events of other sources keep what they made.
    """
    people = User.objects.filter(username__in=PEOPLE)
    mine = Source.objects.filter(key__in=(PUSH, CHANGES, GIT))
    if not people.exists() and not mine.exists():
        return False
    events = InboundEvent.objects.filter(source__in=mine)
    Tag.objects.filter(repository__sources__in=mine).delete()
    changes = Change.objects.filter(event__in=events)
    StoryLink.objects.filter(change__in=list(changes.values_list("pk", flat=True))).delete()
    for model in (Mainline, TagMove, Deployment, AcceptanceRun, Run, FlagState, Incident, Artifact, Change):
        model._default_manager.filter(event__in=events).delete()
    Story.objects.filter(created_by__in=people).delete()
    Evidence.objects.filter(person__in=people).delete()
    events.delete()
    mine.delete()
    Release.objects.filter(
        line__in=("market", "OneHealth", "checkout"), planned_stories=None, changes=None, tags=None
    ).delete()
    Repository.objects.filter(key__startswith="market/", changes=None, sources=None).delete()
    Service.objects.filter(name__in=SERVICES, deployments=None, repositories=None, runs=None).delete()
    Squad.objects.filter(key_prefix__in=SQUADS, stories=None, services=None).delete()
    Environment.objects.filter(
        key__in=[each[0] for each in PLACES], realm="market", deployments=None, acceptance_runs=None, incidents=None
    ).delete()
    _forget(people)
    shutil.rmtree(Path(settings.STATE_DIR) / "sample", ignore_errors=True)
    publish(SearchEmptied())
    return True


def _forget(people: Any) -> None:
    from django.db.models import ProtectedError

    from portal.kernel.models import StateChange

    StateChange.objects.filter(by__in=people).delete()
    for person in people:
        try:
            person.delete()
        except ProtectedError:
            # Somebody built on what this sample person did; an inactive account does no harm.
            User.objects.filter(pk=person.pk).update(is_active=False)
