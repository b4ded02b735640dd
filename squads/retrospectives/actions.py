"""Creating, reviewing, publishing and reopening retrospectives, and their timelines. Pages and the API call these same verbs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify

from portal.accounts.models import User
from portal.kernel import audit, clock, outbox
from portal.kernel.actors import Actor
from portal.kernel.stable_ids import stable_id
from portal.kernel.transitions import move_held
from squads.events import RetrospectivePublished, RetrospectiveSaved
from squads.retrospectives import material
from squads.retrospectives.editing import LOCKED, checked_themes, checked_time, hold, record, said_of, summarise
from squads.retrospectives.models import (
    LONGEST_ENTRY,
    LearnedMark,
    Retrospective,
    RetrospectiveParticipant,
    RetrospectiveSection,
    RetrospectiveTemplate,
    RetrospectiveTheme,
    TimelineEntry,
    new_code,
)
from squads.retrospectives.permissions import check_member, check_writer
from squads.retrospectives.roles import roles_of
from squads.retrospectives.sections import (
    LONGEST_HINT,
    LONGEST_KEY,
    MOST,
    PLANS,
    SectionPlan,
    plans_from,
)
from squads.retrospectives.sections import LONGEST_TITLE as LONGEST_HEADING
from squads.teams.models import Service, Squad
from squads.teams.permissions import check_lead
from squads.teams.permissions import check_member as check_squad_member

MOST_ENTRIES = 1000
MOST_PEOPLE = 100
SPRINT, LONGEST_SPRINT = timedelta(weeks=2), timedelta(weeks=6)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a retrospective is about, in the words of those who know it: an incident, a release. `key` finds it again."""

    kind: str = ""
    key: str = ""
    title: str = ""
    url: str = ""
    severity: str = ""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    services: Sequence[Service] = ()

    def columns(self) -> dict[str, Any]:
        """Return what a retrospective keeps of it. Raises ValidationError naming the field."""
        began, ended = checked_time(self.began_at, "began_at"), checked_time(self.ended_at, "ended_at")
        if began and ended and ended < began:
            raise ValidationError({"ended_at": "This is before it began. Check both times."})
        return {
            "severity": self.severity[:60],
            "subject_kind": self.kind,
            "subject_key": self.key,
            "subject_title": self.title[:300],
            "subject_url": self.url[:300],
            "began_at": began,
            "ended_at": ended,
        }


@transaction.atomic
def create(
    squad: Squad,
    *,
    by: Actor,
    kind: str,
    title: str,
    subject: Subject | None = None,
    themes: Sequence[str] = (),
    facilitator: User | None = None,
    restricted: bool = False,
    fill: bool = True,
) -> Retrospective:
    """Begin a retrospective: a draft with the sections of its kind, and a timeline of what Rodeo knows about its time.

    Raises ValidationError naming the field. What the squad has one of this kind about already, an incident or a release, gets no
    second: that one is returned. Without `fill` the timeline stays empty.
    """
    check_squad_member(squad, by, "its retrospectives")
    squad.check_active()
    about = subject or Subject()
    if kind not in Retrospective.Kind.values:
        raise ValidationError({"kind": f"Choose one of {', '.join(Retrospective.Kind.values)}."})
    title = " ".join(title.replace("\0", "").split())
    if not title or len(title) > 200:
        raise ValidationError({"title": "Write a title of 1 to 200 characters."})
    columns = about.columns()
    if (known := _about(squad, kind, about)) is not None:
        return known
    row = Retrospective.objects.create(
        slug=f"{slugify(title)[:80].strip('-') or kind}-{new_code()}",
        kind=kind,
        title=title,
        squad=squad,
        facilitator=facilitator,
        restricted=restricted,
        created_by=by,
        **columns,
    )
    _write_beginnings(row, about, themes)
    if fill:
        _find_entries(row, row.version)
    outbox.publish(RetrospectiveSaved(ids=[str(row.pk)]))
    return row


@transaction.atomic
def begin_sprint(squad: Squad, *, by: Actor) -> tuple[Retrospective, bool]:
    """Begin a squad's sprint retrospective, about the time since the last one, and say whether it's new.

    One that isn't published yet is gone on with. The first looks at two weeks, and none at more than LONGEST_SPRINT.
    """
    check_squad_member(squad, by, "its retrospectives")
    squad.check_active()
    Squad.objects.select_for_update().get(pk=squad.pk)
    last = Retrospective.objects.filter(squad=squad, kind="sprint").order_by("-created_at", "-pk").first()
    if last is not None and last.state != Retrospective.State.PUBLISHED:
        return last, False
    now = clock.now()
    began = now - SPRINT if last is None else max(last.ended_at or last.created_at, now - LONGEST_SPRINT)
    subject = Subject(began_at=min(began, now), ended_at=now)
    return create(squad, by=by, kind="sprint", title=f"Sprint until {now:%Y-%m-%d}", subject=subject), True


def _write_beginnings(row: Retrospective, about: Subject, themes: Sequence[str]) -> None:
    """Write what a new retrospective has: its services, its themes, and its sections without text."""
    row.services.set(about.services)
    RetrospectiveTheme.objects.bulk_create(
        RetrospectiveTheme(retrospective=row, name=each) for each in checked_themes(list(themes))
    )
    plans = sections_for(row.squad, row.kind)
    RetrospectiveSection.objects.bulk_create(
        RetrospectiveSection(retrospective=row, key=plan.key, title=plan.title, hint=plan.hint, position=place)
        for place, plan in enumerate(plans)
    )
    summarise(row)
    row.save()


def _about(squad: Squad, kind: str, about: Subject) -> Retrospective | None:
    """Return the retrospective of a kind that a squad has about something already. Two that ask at once get the same one."""
    if not about.key:
        return None
    Squad.objects.select_for_update().get(pk=squad.pk)
    return Retrospective.objects.filter(squad=squad, kind=kind, subject_kind=about.kind, subject_key=about.key).first()


def sections_for(squad: Squad, kind: str) -> Sequence[SectionPlan]:
    """Return the sections that a new retrospective of this squad begins with."""
    own = RetrospectiveTemplate.objects.filter(squad=squad, kind=kind).first()
    return plans_from(own.sections) if own is not None else PLANS[kind]


# Review and publication


@transaction.atomic
def ask_for_review(row: Retrospective, *, by: Actor) -> Retrospective:
    """Show a draft to everyone who may read, so that they can add what is missing."""
    check_writer(row, by)
    held = hold(row)
    move_held(held, "state", "in_review", before=held.state, leaving=["draft"], by=by)
    return _moved(row, held)


@transaction.atomic
def back_to_draft(row: Retrospective, *, by: Actor) -> Retrospective:
    """Take a retrospective out of review."""
    check_writer(row, by)
    held = hold(row)
    move_held(held, "state", "draft", before=held.state, leaving=["in_review"], by=by)
    return _moved(row, held)


@transaction.atomic
def publish(row: Retrospective, *, by: Actor) -> Retrospective:
    """Publish a retrospective. Raises ValidationError as long as nobody wrote a summary."""
    check_member(row, by, "publish this")
    held = hold(row)
    first = held.sections.first()
    if first is not None and not first.text.strip():
        raise ValidationError(f"Write “{first.title}” first: it’s what everyone reads in the list.")
    now = clock.now()
    move_held(
        held,
        "state",
        "published",
        before=held.state,
        leaving=["draft", "in_review"],
        by=by,
        published_at=now,
        shown_at=now,
        changed_at=now,
    )
    outbox.publish(RetrospectivePublished(ids=[str(held.pk)]))
    return _moved(row, held)


@transaction.atomic
def reopen(row: Retrospective, *, by: Actor, because: str) -> Retrospective:
    """Open text that is locked again, for as long as after publication. Leaves a mark; needs a reason."""
    check_member(row, by, "reopen this")
    because = " ".join(because.replace("\0", "").split())
    if not because or len(because) > 300:
        raise ValidationError({"because": "Say why, in 1 to 300 characters."})
    held = hold(row)
    if not held.is_locked():
        raise ValidationError("This isn’t locked, so you can edit it.")
    before, held.reopened_at = held.reopened_at, clock.now()
    record(held, [("reopened", clock.iso(before), clock.iso(held.reopened_at))], by=by, because=because)
    return _moved(row, held)


@transaction.atomic
def delete_draft(row: Retrospective, *, by: Actor) -> None:
    """Delete a draft. What was published stays."""
    check_member(row, by, "delete this draft")
    held = hold(row)
    if held.state != Retrospective.State.DRAFT:
        raise ValidationError("Only drafts can be deleted. What was in review or published stays.")
    audit.record(by=by, did=f"deleted the draft “{held.title}”", kind="squad", key=held.squad.slug)
    outbox.publish(RetrospectiveSaved(ids=[str(held.pk)]))
    held.delete()


def _moved(row: Retrospective, held: Retrospective) -> Retrospective:
    outbox.publish(RetrospectiveSaved(ids=[str(held.pk)]))
    row.refresh_from_db()
    return row


# People


@transaction.atomic
def add_participant(row: Retrospective, person: User, *, by: Actor) -> None:
    """Let somebody outside the squad read and write a retrospective. Doing it twice changes nothing."""
    check_member(row, by, "add people")
    if row.participants.count() >= MOST_PEOPLE:
        raise ValidationError({"person": f"{MOST_PEOPLE} people were added, which is the most. Remove someone first."})
    RetrospectiveParticipant.objects.get_or_create(retrospective=row, person=person, defaults={"added_by": by})


@transaction.atomic
def remove_participant(row: Retrospective, person: User, *, by: Actor) -> None:
    """Take somebody off the people who were added."""
    check_member(row, by, "remove people")
    RetrospectiveParticipant.objects.filter(retrospective=row, person=person).delete()


def learned(row: Retrospective, *, by: Actor, on: bool) -> None:
    """Say that you learned something, or take that back. Pages show how many did."""
    if on:
        LearnedMark.objects.get_or_create(retrospective=row, person=by)
    else:
        LearnedMark.objects.filter(retrospective=row, person=by).delete()


@transaction.atomic
def set_template(squad: Squad, kind: str, plans: Iterable[SectionPlan] | None, *, by: Actor) -> None:
    """Choose the sections that new retrospectives of a kind begin with; None goes back to Rodeo's own.

    What is written already keeps its sections. Raises ValidationError naming `sections`.
    """
    check_lead(squad, by, f"the templates of {squad}")
    if plans is None:
        RetrospectiveTemplate.objects.filter(squad=squad, kind=kind).delete()
        did = "went back to Rodeo’s sections"
    else:
        rows = [_checked_plan(plan) for plan in plans]
        keys = [row["key"] for row in rows]
        if not rows or len(rows) > MOST:
            raise ValidationError({"sections": f"Choose 1 to {MOST} sections."})
        if twice := next((key for key in keys if keys.count(key) > 1), ""):
            raise ValidationError({"sections": f"“{twice}” is there twice. Each section needs its own name."})
        RetrospectiveTemplate.objects.update_or_create(
            squad=squad, kind=kind, defaults={"sections": rows, "changed_by": by, "changed_at": clock.now()}
        )
        did = "changed the sections"
    audit.record(by=by, did=f"{did} for each {Retrospective.Kind(kind).label}", kind="squad", key=squad.slug)


def _checked_plan(plan: SectionPlan) -> dict[str, str]:
    title, hint = (" ".join(text.replace("\0", "").split()) for text in (plan.title, plan.hint))
    key = plan.key or slugify(title).replace("-", "_")[:LONGEST_KEY] or f"s{stable_id('section', title).hex[:8]}"
    if not title or len(title) > LONGEST_HEADING:
        raise ValidationError({"sections": f"Each section needs a title of 1 to {LONGEST_HEADING} characters."})
    if not re.fullmatch(rf"[a-z0-9_]{{1,{LONGEST_KEY}}}", key):
        raise ValidationError({"sections": f"“{key[:60]}” isn’t a key. Use small letters, digits and underscores."})
    if len(hint) > LONGEST_HINT:
        raise ValidationError({"sections": f"The hint of “{title}” has over {LONGEST_HINT} characters. Shorten it."})
    return {"key": key, "title": title, "hint": hint}


# The timeline


@dataclass(frozen=True, slots=True)
class Filled:
    """What filling a timeline found: how many new entries, of what there was more than a timeline takes, and what changed.

    Of each changed entry, what it said before.
    """

    added: int
    cut: tuple[str, ...] = ()
    changed: tuple[tuple[TimelineEntry, str], ...] = ()


@transaction.atomic
def fill_timeline(row: Retrospective, *, by: Actor) -> Filled:
    """Add to a timeline what happened in its window and isn't there yet. What people dropped, pinned or noted stays so."""
    check_writer(row, by)
    held = hold(row)
    if held.is_locked():
        raise ValidationError(LOCKED)
    if held.began_at is None:
        raise ValidationError({"began_at": "Say when it began first: Rodeo looks at the hours around that."})
    filled = _find_entries(held, held.version + 1)
    changes: list[tuple[str, str, str]] = [("timeline", "", f"{filled.added} found")] if filled.added else []
    entries: list[TimelineEntry | None] = [None] * len(changes)
    for entry, before in filled.changed:
        changes.append(("timeline", before, said_of(entry)))
        entries.append(entry)
    if changes:
        record(held, changes, by=by, entries=entries)
    row.refresh_from_db()
    return filled


def _find_entries(held: Retrospective, version: int) -> Filled:
    window = material.window_of(held)
    if window is None:
        return Filled(0)
    known, roles = {entry.key: entry for entry in held.timeline.all()}, roles_of(held)
    new: list[TimelineEntry] = []
    changed: list[tuple[TimelineEntry, str]] = []
    cut: list[str] = []
    for find in (material.stage_changes, material.comments, *material.FINDERS):
        found = list(find(window, material.MOST + 1))
        if len(found) > material.MOST:
            cut.append(TimelineEntry.Kind(found[0].kind).label)
        for each in found[: material.MOST]:
            entry = known.get(each.key)
            if entry is None:
                known[each.key] = entry = TimelineEntry(retrospective=held, key=each.key, kind=each.kind)
                entry.since_version = version
                new.append(entry)
            elif (entry.at, entry.until, entry.source("text"), entry.url) != _columns(each):
                changed.append((entry, said_of(entry)))
            entry.at, entry.until, text, entry.url = _columns(each)
            entry.put("text", text, roles)
    TimelineEntry.objects.bulk_create(new)
    rows = [entry for entry, _ in changed]
    TimelineEntry.objects.bulk_update(rows, ["at", "until", "text", "written", "url"])
    said = tuple((entry, before) for entry, before in changed if before != said_of(entry))
    return Filled(len(new), tuple(dict.fromkeys(cut)), said)


def _columns(each: material.Material) -> tuple[datetime, datetime | None, str, str]:
    return each.at, each.until, each.text.replace("\0", "")[:LONGEST_ENTRY], each.url[:400]


@transaction.atomic
def add_entry(
    row: Retrospective, *, by: Actor, text: str, at: datetime | None, until: datetime | None = None, url: str = ""
) -> TimelineEntry:
    """Add what a person knows to a timeline. Raises ValidationError naming the field."""
    check_writer(row, by)
    held = hold(row)
    if held.is_locked():
        raise ValidationError(LOCKED)
    if held.timeline.count() >= MOST_ENTRIES * 5:
        raise ValidationError({"text": f"This timeline has {MOST_ENTRIES * 5:,} entries, which is the most."})
    text = _checked_entry(text, "text")
    if not text:
        raise ValidationError({"text": "Say what happened."})
    if url and not url.startswith(("http://", "https://", "/")):
        raise ValidationError({"url": "A link starts with https://."})
    at, until = checked_time(at, "at"), checked_time(until, "until")
    if at and until and until < at:
        raise ValidationError({"until": "This is before it began. Check both times."})
    entry = TimelineEntry(
        retrospective=held,
        key=f"person:{new_code()}{new_code()}",
        kind=TimelineEntry.Kind.NOTE,
        at=at,
        until=until,
        url=url[:400],
        by=by,
        since_version=held.version + 1,
    )
    entry.put("text", text, roles_of(held))
    entry.save()
    record(held, [("timeline", "", said_of(entry))], by=by, entries=[entry])
    row.refresh_from_db()
    return entry


@transaction.atomic
def change_entry(row: Retrospective, entry: TimelineEntry, *, by: Actor, **values: Any) -> TimelineEntry:
    """Pin, drop or note an entry (`state`, `note`), or change one that a person wrote (`text`, `at`, `until`, `url`).

    Raises ValidationError naming the field, and for what Rodeo found: it says what happened, a note says what to know of it.
    """
    check_writer(row, by)
    held = hold(row)
    if held.is_locked():
        raise ValidationError(LOCKED)
    entry = TimelineEntry.objects.select_for_update().get(pk=entry.pk, retrospective=held)
    if values.keys() - {"state", "note"} and entry.kind != TimelineEntry.Kind.NOTE:
        raise ValidationError("Rodeo found this, so its words and time stay. Add a note, or drop it.")
    for name in {"text", "note"} & values.keys():
        values[name] = _checked_entry(values[name], name)
    for name in {"at", "until"} & values.keys():
        values[name] = checked_time(values[name], name)
    if values.get("text") == "":
        raise ValidationError({"text": "Say what happened."})
    if "state" in values and values["state"] not in TimelineEntry.State.values:
        raise ValidationError({"state": f"Choose one of {', '.join(TimelineEntry.State.values)}."})
    at, until = values.get("at", entry.at), values.get("until", entry.until)
    if at and until and until < at:
        raise ValidationError({"until": "This is before it began. Check both times."})
    present = {name: entry.source(name) if name in ("text", "note") else getattr(entry, name) for name in values}
    changes: Mapping[str, Any] = {name: value for name, value in values.items() if present[name] != value}
    if changes:
        before, roles = said_of(entry), roles_of(held)
        for name, value in changes.items():
            if name in ("text", "note"):
                entry.put(name, value, roles)
            else:
                setattr(entry, name, value)
        entry.save(update_fields=[*changes, "written"])
        record(held, [("timeline", before, said_of(entry))], by=by, entries=[entry])
        row.refresh_from_db()
    return entry


def _checked_entry(text: str, field: str) -> str:
    text = text.replace("\0", "").replace("\r\n", "\n").strip()
    if len(text) > LONGEST_ENTRY:
        raise ValidationError({field: f"This has over {LONGEST_ENTRY:,} characters. Shorten it."})
    return text
