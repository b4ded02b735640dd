"""The sample company: enough of a company to see every page at work.

People's rows are made with the verbs people use; everything else is a generated git repository and events that go
through the inbox like anybody's. Everything is dated back from the moment it is loaded.
"""

import fcntl
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import StateChange
from portal.sample.agreements import agree
from portal.sample.checks import ask_and_keep
from portal.sample.past_work import finish_past_stories, plan_next
from portal.sample.reports import MERGED, REPOSITORY, all_reports
from portal.sample.retrospectives import write_them
from portal.sample.sample_stories import COMMITS, MANAGER, MEMBERS, PEOPLE, SQUADS, STORIES, SampleStory
from portal.sample.talk import tell_the_talk
from releases.contents.actions import choose_content, name_schema_change, require_order
from releases.environments.actions import create_environment
from releases.inbox.actions import store
from releases.inbox.models import InboundEvent, Source
from releases.models import Change, Environment, Release
from releases.planning.actions import abandon_release, create_release
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.readiness.actions import add_item, tick
from releases.reading.actions import drain_inbox
from releases.sources import connect_git
from releases.sources.actions import create_push_source
from squads.boards.actions import set_rules
from squads.discussions.actions import add_comment
from squads.endings.actions import cancel, close_as_duplicate
from squads.models import (
    Assignment,
    Comment,
    Evidence,
    Membership,
    Mention,
    ScopeChange,
    Service,
    Squad,
    Story,
    StoryEdit,
)
from squads.stories.actions import create_story, edit_story, record_by_hand
from squads.teams.actions import add_member, create_service, create_squad

SERVICES = {"checkout": "PAY", "search": "SRCH", "gateway": "PLAT"}
PLACES = (
    ("test", "Test", "testing", "Berlin", "lab"),
    ("staging", "Staging", "staging", "Frankfurt", "stage-1"),
    ("production", "Production", "production", "Frankfurt", "prod-1"),
)
PUSH, CHANGES, GIT = "sample-events", "sample-changes", "sample-checkout"
# How long others are let in between, in seconds.
PAUSE = 0.12
# Loading leaves a mark when it begins and when it is done, as any thing that goes from one state to another.
MARK, LOADING, LOADED = "sample company", "loading", "loaded"
BY_HAND = (
    (
        "deployment",
        "sample-mei",
        90,
        "Certificates replaced on both load balancers; no pipeline does this yet.",
    ),
    (
        "acceptance",
        "sample-kofi",
        88,
        "Checked with a browser and openssl: both present the new certificate.",
    ),
)
# What people do themselves before the planned release goes out; the first is done.
CHECKLIST = (("Agree on the day with the shops", "Kofi"), ("Tell customer support what changes", "squad Search"))
# What went from the abandoned release to the planned one, and what was added late: hours ago.
MOVED, MOVED_AT, LATE = ("PAY-2",), 650, {"PAY-6": 44, "SRCH-4": 30}
PLANNING = timedelta(days=30)
WRITTEN = timedelta(hours=52)  # before its work began, or before now


class Refused(Exception):
    """The sample cannot be loaded here; the text says why."""


def is_empty() -> bool:
    """Say whether the portal holds nothing that anybody made."""
    return not (Squad.objects.exists() or Source.objects.exists() or Release.objects.exists())


def is_unfinished() -> bool:
    """Say whether loading has begun and was stopped: loading again goes on where it was."""
    newest = _newest_mark()
    return newest is not None and newest.to_state == LOADING


def load(say: Callable[[str], None] = lambda line: None) -> None:
    """Load the sample company, or go on where loading was stopped: every part is there as a whole or not at all.

    Raises Refused when it is here already, or a squad or source with one of its keys.
    """
    with _alone():
        _load(say)


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time load. Raises Refused."""
    Path(settings.STATE_DIR).mkdir(parents=True, exist_ok=True)
    with (Path(settings.STATE_DIR) / "sample.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused("The sample company is being loaded right now.") from None
        yield


def _load(say: Callable[[str], None]) -> None:
    at = _begin()
    say("people, and the nine releases of the talk")
    # The oldest first, so that lists of what is new begin with the company's own work.
    tell_the_talk(_person("sample-talk"))
    say("squads, services and stories")
    _company(at)
    say("a git repository, pulled")
    _pulled(_repository(at))
    say("events of CI, deployments and checks")
    send(at, dict(Change.objects.filter(repository__key=REPOSITORY).values_list("subject", "sha")))
    _settled()
    _by_hand(at)
    _settled()
    _ships()
    agree(at, by=_person("sample-kofi"), manager=_person(MANAGER), accepter=_person("sample-mei"))
    ask_and_keep(_person(SQUADS["PAY"][3]), _person("sample-ana"), at)
    say("an incident, and what was learned from it")
    write_them(at, _person)
    _mark(LOADED, clock.now())


# How far loading got


def _newest_mark() -> StateChange | None:
    return StateChange.objects.filter(kind=MARK, key=MARK).order_by("-pk").first()


def _mark(state: str, at: datetime) -> None:
    before = _newest_mark()
    person = _person("sample-ana")
    from_state = before.to_state if before else ""
    StateChange.objects.create(kind=MARK, key=MARK, from_state=from_state, to_state=state, by=person, at=at)


@transaction.atomic
def _begin() -> datetime:
    """Return the moment that everything is dated back from: when loading first began."""
    newest = _newest_mark()
    if newest is not None and newest.to_state == LOADING:
        return newest.at
    if (
        Squad.objects.filter(key_prefix__in=SQUADS).exists()
        or Source.objects.filter(key__in=(PUSH, CHANGES, GIT)).exists()
    ):
        raise Refused("The sample company, or a squad with one of its keys, is here already. Try remove_sample first.")
    at = clock.now().replace(microsecond=0)
    _mark(LOADING, at)
    _squad("OH")
    return at


def _person(name: str) -> User:
    first, _, last = PEOPLE[name].partition(" ")
    known = {"first_name": first, "last_name": last, "is_project_manager": name == MANAGER}
    person, new = User.objects.get_or_create(username=name, defaults=known)
    if new:
        person.set_unusable_password()
        person.save(update_fields=["password"])
    return person


def _squad(prefix: str) -> Squad:
    name, kind, mission, who = SQUADS[prefix]
    lead = _person(who)
    squad = create_squad(by=lead, name=name, key_prefix=prefix, kind=kind, mission=mission)
    for other in MEMBERS.get(prefix, ()):
        add_member(squad, _person(other).username, by=lead, accepts=True)
    return squad


# Squads, services, stories


def _company(at: datetime) -> None:
    """Make each squad with its service and stories, whole: nobody can take a number of its keys in between."""
    planned = _places(at)
    for prefix in SQUADS:
        if not Squad.objects.filter(key_prefix=prefix).exists():
            _squad_at_work(prefix, planned, at)
            time.sleep(PAUSE)


@transaction.atomic
def _places(at: datetime) -> Release:
    """Make the environments and the release that is planned, or find them."""
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
    known = Release.objects.filter(line="market", version="2026.4").first()
    return known or _planned(at)


def _planned(at: datetime) -> Release:
    """Plan the release, and one that it took the place of."""
    kofi = _person("sample-kofi")
    earlier = create_release(by=kofi, version="2026.3", line="market", goal="Gift cards before summer.")
    # Who owns it may abandon it.
    Release.objects.filter(pk=earlier.pk).update(owner=kofi)
    abandon_release(earlier, by=kofi, because="Gift cards come with 2026.4.")
    planned = create_release(
        by=_person("sample-ana"),
        version="2026.4",
        line="market",
        planned_for=(at + timedelta(days=6)).date(),
        goal="Everything the market needs before the holidays.",
    )
    Release.objects.filter(pk__in=(earlier.pk, planned.pk)).update(created_at=at - PLANNING, owner=kofi)
    Release.objects.filter(pk=earlier.pk).update(abandoned_at=at - timedelta(hours=MOVED_AT - 1))
    for number, (text, who) in enumerate(CHECKLIST):
        item = add_item(by=kofi, release=planned, text=text, who=who)
        if not number:
            tick(item, planned, by=kofi)
    return planned


def _next_app(at: datetime) -> Release:
    return create_release(
        by=_person("sample-jonas"),
        version="3.2",
        line="app",
        planned_for=(at + timedelta(days=40)).date(),
        notes="For the people who shop on the way home.",
    )


@transaction.atomic
def _squad_at_work(prefix: str, planned: Release, at: datetime) -> None:
    squad = _squad(prefix)
    lead = _person(SQUADS[prefix][3])
    if prefix == "PAY":
        for person in User.objects.filter(is_superuser=True):
            Membership.objects.get_or_create(squad=squad, user=person)
        accepters = Membership.objects.filter(squad=squad, accepts=True).values_list("user__username", flat=True)
        set_rules(squad, by=lead, limits={}, accepts_own=squad.accepts_own, accepters=accepters, batch_limit=6)
    for name in (name for name, owner in SERVICES.items() if owner == prefix):
        repositories = [] if name == "checkout" else [f"market/{name}"]
        create_service(by=lead, name=name, squad=squad, repositories=repositories)
    stories = {each.key: _story(squad, planned, at, each) for each in STORIES if each.key.startswith(f"{prefix}-")}
    if prefix == "APP":
        finish_past_stories(squad, by=lead, accepter=_person("sample-mei"), at=at)
        plan_next(squad, _next_app(at), by=lead, at=at)
    if prefix == "PAY":
        cancel(stories["PAY-9"], by=lead, because="Two visitors asked for it in five years.")
        close_as_duplicate(stories["PAY-10"], "PAY-8", by=_person("sample-kofi"))


def _earlier() -> Release:
    return Release.objects.get(line="market", version="2026.3")


def _story(squad: Squad, planned: Release, at: datetime, told: SampleStory) -> Story:
    lead = _person(SQUADS[squad.key_prefix][3])
    assignees = [_person(name) for name in told.assignees] or ([lead] if told.steps else [])
    moved = told.key in MOVED
    story = create_story(
        squad,
        by=lead,
        title=told.title,
        type=told.type,
        release=None if told.key in LATE else _earlier() if moved else planned,
        flag=told.flag,
        description=told.description,
        acceptance_criteria=told.criteria,
        assignees=assignees,
        priority=told.priority,
        labels=list(told.labels),
        due=None if told.days is None else (at + timedelta(days=told.days)).date(),
    )
    mover = assignees[0] if assignees else lead
    for step, ago in zip(("in_progress", "dev_done"), told.steps, strict=False):
        story.move_progress(step, by=mover, at=at - timedelta(hours=ago))
    written = at - timedelta(hours=max(told.steps, default=0)) - WRITTEN
    if told.key not in LATE:
        written = min(written, at - PLANNING)
    for ago, who, text in told.comments:
        comment = add_comment(story, by=_person(who), body=text)
        Comment.objects.filter(pk=comment.pk).update(created_at=at - timedelta(hours=ago))
    # Nobody has to be told now of what was long ago.
    Assignment.objects.filter(story=story).update(at=written, seen_at=written)
    Mention.objects.filter(comment__story=story).update(seen_at=at)
    Story.objects.filter(pk=story.pk).update(created_at=written)
    ScopeChange.objects.filter(story=story).update(at=written)
    if moved or told.key in LATE:
        edit_story(story, by=lead, release=planned)
        came_in = at - timedelta(hours=LATE.get(told.key, MOVED_AT))
        StoryEdit.objects.filter(story=story).update(at=came_in)
        ScopeChange.objects.filter(story=story, to_release=planned).update(at=came_in)
    return story


def _by_hand(at: datetime) -> None:
    story = Story.objects.get(key="PLAT-1")
    for kind, who, ago, note in BY_HAND:
        if not Evidence.objects.filter(story=story, kind=kind, by_hand=True).exists():
            record_by_hand(story, by=_person(who), kind=kind, at=at - timedelta(hours=ago), note=note)


def _ships() -> None:
    """Say what nothing else tells of the planned release: an order, a version of configuration, what a schema change does."""
    release = Release.objects.get(line="market", version="2026.4")
    gateway, checkout = (Service.objects.get(name=name) for name in ("gateway", "checkout"))
    require_order(gateway, checkout, by=_person("sample-mei"))
    choose_content(release, gateway, by=_person("sample-mei"), configuration="routes-12")
    first = Change.objects.get(subject="PAY-1 Offer stored cards")
    name_schema_change(first, "db/migrations/0001_stored_cards.sql", "expand", by=_person("sample-ana"))


# The repository


def _repository(at: datetime) -> Source:
    """Make the repository and its source, or find them."""
    known = Source.objects.filter(key=GIT).first()
    if known is not None and repository_folder().exists():
        return known
    folder = make_repository(at)
    return (
        known
        or connect_git.connect_git(
            by=None,
            url=str(folder),
            service="checkout",
            squad=Squad.objects.get(key_prefix="PAY"),
            release_tags="v*",
            name=GIT,
            repository=REPOSITORY,
        )[0]
    )


def repository_folder() -> Path:
    """Return where the generated repository is."""
    return Path(settings.STATE_DIR) / "sample" / "checkout.git"


def make_repository(at: datetime) -> Path:
    """Write the generated repository with git itself; return where it is."""
    folder = repository_folder()
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    for number, commit in enumerate(COMMITS, start=1):
        when = int((at - timedelta(hours=commit.ago)).timestamp())
        person = f"{PEOPLE[commit.author]} <{commit.author}@example.org> {when} +0000"
        text = f"step {number}\n"
        lines += [f"commit refs/heads/main\nmark :{number}\nauthor {person}\ncommitter {person}"]
        message = "\n\n".join(filter(None, (commit.message, commit.trailer)))
        lines += [f"data {len(message.encode())}\n{message}"]
        lines += [
            *([f"from :{number - 1}"] if number > 1 else []),
            f"M 100644 inline steps.txt\ndata {len(text)}\n{text}",
            *([f"M 100644 inline {commit.file}\ndata {len(text)}\n{text}"] if commit.file else []),
        ]
        if commit.tag:
            lines += [f"tag {commit.tag}\nfrom :{number}\ntagger {person}\ndata {len(commit.tag)}\n{commit.tag}"]
    for command, given in (
        (["init", "--quiet", "--bare", "--initial-branch=main", str(folder)], None),
        (["-C", str(folder), "fast-import", "--quiet"], "\n".join(lines) + "\n"),
    ):
        subprocess.run(["git", *command], input=given, text=True, check=True, capture_output=True, timeout=60)
    return folder


def _pulled(source: Source, patience: float = 120) -> None:
    """Pull the repository here, or wait for the worker that was quicker."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        source.refresh_from_db()
        if source.last_success_at is not None:
            break
        if source.last_error and source.leased_until is None:
            raise Refused(f"The sample repository could not be pulled: {source.last_error}")
        lease = leases.lease_now(source)
        if lease is not None:
            pulling.pull_source(source.pk, lease)
        else:
            # A process that was killed held it for a minute at most.
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
    reports, changes = (
        _push_source(PUSH, "report", "Sample events"),
        _push_source(CHANGES, "cdevents", "Sample changes"),
    )
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


def _push_source(key: str, kind: str, name: str) -> Source:
    return Source.objects.filter(key=key).first() or create_push_source(by=None, kind=kind, name=name)[0]
