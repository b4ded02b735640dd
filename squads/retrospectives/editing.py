"""Editing a retrospective, field by field, without overwriting anybody.

An editor says from which version they began. Fields they left alone keep what others wrote since. Text that two people
changed in different lines is merged; where both changed the same lines, nothing is saved and both see it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.outbox import publish
from portal.kernel.transitions import signed
from squads.events import RetrospectiveSaved
from squads.retrospectives.models import (
    Retrospective,
    RetrospectiveEdit,
    RetrospectiveSection,
    RetrospectiveTheme,
    TimelineEntry,
)
from squads.retrospectives.permissions import check_member, check_writer
from squads.retrospectives.roles import checked_role, roles_of
from squads.retrospectives.three_way import merge
from squads.teams.models import Service

LONGEST_TEXT = 50_000
EARLIEST, LATEST = 1970, 2100
LONGEST_TITLE = 200
MOST_THEMES, LONGEST_THEME, MOST_SERVICES = 20, 40, 50
PLAIN = ("title", "severity", "began_at", "ended_at", "facilitator", "restricted")
SEVERAL = ("services", "themes")
TEXT, ROLE = "section:", "role:"
LABELS = {
    "title": "title",
    "severity": "severity",
    "began_at": "beginning",
    "ended_at": "end",
    "facilitator": "facilitator",
    "restricted": "readers",
    "services": "services",
    "themes": "themes",
    "timeline": "timeline",
}
LOCKED = "This was published over 30 days ago, so its text is locked. Reopen it first."


class Clash(NamedTuple):
    """One field that two people changed: what it is called, what the second wants, what the first made of it, and who."""

    field: str
    label: str
    mine: str
    theirs: str
    by: Actor | None
    at: datetime

    @property
    def who(self) -> str:
        """Who changed it first, by name."""
        return self.by.name if self.by else "Someone"


class Conflict(Exception):
    """Somebody changed the same lines since; nothing was written.

    `version` is what the retrospective is at now; `mine` is all this person wanted to change.
    """

    def __init__(self, row: Retrospective, clashes: list[Clash], mine: Mapping[str, Any]) -> None:
        self.version, self.clashes, self.mine = row.version, clashes, mine
        fields = " and ".join(dict.fromkeys(each.label for each in clashes))
        names = " and ".join(dict.fromkeys(each.who for each in clashes))
        super().__init__(f"{names} changed the same lines of {fields}. Nothing is saved yet: compare both versions.")


@transaction.atomic
def edit(
    row: Retrospective, *, by: Actor, base_version: int | None = None, because: str = "", **fields: Any
) -> Retrospective:
    """Change fields of a retrospective: those of PLAIN and SEVERAL, `section:<key>` for the text of a section, and
    `role:<user name>` for what readers see instead of a name; without words they see the name.

    With `base_version`, the version the person began from, raises Conflict where somebody else changed the same lines.
    Raises ValidationError naming the field, and for text that is locked. Every changed field leaves a RetrospectiveEdit.
    """
    check_writer(row, by)
    held = hold(row)
    texts = {section.key: section for section in held.sections.all()}
    wanted = {name: _plain(held, texts, name, value) for name, value in fields.items()}
    if base_version is not None:
        wanted = _merged(held, texts, wanted, base_version)
    changed = {name: value for name, value in wanted.items() if said(value) != said(present(held, texts, name))}
    if {"restricted", "facilitator"} & changed.keys():
        check_member(held, by, "choose who can read this and who facilitates")
    if held.is_locked() and any(name == "title" or name.startswith(TEXT) for name in changed):
        raise ValidationError(LOCKED)
    if changed:
        before = {name: said(present(held, texts, name)) for name in changed}
        _check_times(held, changed)
        roles = roles_of(held)
        for name in sorted(changed, key=lambda each: not each.startswith(ROLE)):
            _put(held, texts, roles, name, changed[name])
        if any(name.startswith(ROLE) for name in changed):
            _write_roles(held, texts, roles)
        after = {name: said(value) for name, value in changed.items()}
        record(held, [(name, before[name], after[name]) for name in changed], by=by, because=because)
    getattr(row, "_prefetched_objects_cache", {}).clear()
    row.refresh_from_db()
    return row


def hold(row: Retrospective) -> Retrospective:
    """Return a retrospective as it is now, held until the transaction ends."""
    return Retrospective.objects.select_for_update(of=("self",)).select_related("squad", "facilitator").get(pk=row.pk)


def record(
    held: Retrospective,
    changes: "list[tuple[str, Any, Any]]",
    *,
    by: Actor | None,
    because: str = "",
    entries: Sequence[TimelineEntry | None] = (),
) -> None:
    """Write the next version of a held retrospective: its history, what lists show of its text, and the news.

    `entries` are the entries of the timeline that were changed, one for each change.
    """
    now = clock.now()
    held.version += 1
    if any(field in ("title", "timeline") or field.startswith((TEXT, ROLE)) for field, _, _ in changes):
        held.changed_at = now
    summarise(held)
    held.save()
    RetrospectiveEdit.objects.bulk_create(
        RetrospectiveEdit(
            retrospective=held,
            version=held.version,
            field=field,
            entry=entry,
            before=before,
            after=after,
            by=by,
            because=signed(by, because)[:300],
            at=now,
        )
        for (field, before, after), entry in zip_longest(changes, entries)
    )
    publish(RetrospectiveSaved(ids=[str(held.pk)]))


def summarise(held: Retrospective) -> None:
    """Bring up to date what lists show: the first paragraph, how many words, the day it began, by what it is ordered."""
    texts = list(held.sections.values_list("text", flat=True))
    # As markdown writes it: marks of emphasis, code, headings and lists are no words of the paragraph.
    paragraphs = (" ".join(part.split()) for text in texts for part in text.split("\n\n"))
    first = next((each.lstrip("#>-*+ ") for each in paragraphs if each.lstrip("#>-*+ ")), "")
    held.lead = first if len(first) <= 400 else f"{first[:399]}…"
    held.words = sum(len(text.split()) for text in texts)
    held.anniversary = held.began_at.month * 100 + held.began_at.day if held.began_at else 0
    held.shown_at = held.published_at or held.created_at
    # What it was about counts, not when somebody wrote it up.
    held.year = (held.began_at or held.created_at).year


def present(row: Retrospective, texts: Mapping[str, RetrospectiveSection], name: str) -> Any:
    """Return what a field holds."""
    if name.startswith(TEXT):
        return texts[name.removeprefix(TEXT)].source("text")
    if name.startswith(ROLE):
        return roles_of(row).get(name.removeprefix(ROLE), "")
    if name == "services":
        return sorted(row.services.all(), key=lambda each: each.name)
    if name == "themes":
        return sorted(row.themes.values_list("name", flat=True))
    return getattr(row, name)


def said(value: Any) -> Any:
    """Return a value as the history keeps it."""
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, list):
        return [str(each) for each in value]
    return value.username if isinstance(value, User) else value


def label_of(name: str, texts: Mapping[str, RetrospectiveSection]) -> str:
    """Return what pages call a field."""
    key = name.removeprefix(TEXT)
    if name.startswith(TEXT):
        return f"“{texts[key].title}”" if key in texts else f"“{key}”"
    if name.startswith(ROLE):
        return "role of someone"
    return LABELS.get(name, name)


def _put(
    held: Retrospective, texts: Mapping[str, RetrospectiveSection], roles: dict[str, str], name: str, value: Any
) -> None:
    if name.startswith(TEXT):
        section = texts[name.removeprefix(TEXT)]
        section.put("text", value, roles)
        section.save(update_fields=["text", "written"])
    elif name.startswith(ROLE):
        handle = name.removeprefix(ROLE)
        held.roles.filter(handle=handle).delete()
        roles.pop(handle, None)
        if value:
            held.roles.create(handle=handle, words=value)
            roles[handle] = value
    elif name == "services":
        held.services.set(value)
    elif name == "themes":
        held.themes.exclude(name__in=value).delete()
        known = set(held.themes.values_list("name", flat=True))
        RetrospectiveTheme.objects.bulk_create(
            RetrospectiveTheme(retrospective=held, name=each) for each in value if each not in known
        )
    else:
        setattr(held, name, value)


def _write_roles(held: Retrospective, texts: Mapping[str, RetrospectiveSection], roles: Mapping[str, str]) -> None:
    """Write again what readers see of everything: somebody's role is another one now."""
    for section in texts.values():
        section.put("text", section.source("text"), roles)
        section.save(update_fields=["text", "written"])
    entries = list(held.timeline.all())
    for entry in entries:
        for name in ("text", "note"):
            entry.put(name, entry.source(name), roles)
    TimelineEntry.objects.bulk_update(entries, ["text", "note", "written"], batch_size=500)


def _plain(row: Retrospective, texts: Mapping[str, RetrospectiveSection], name: str, value: Any) -> Any:
    """Return a value as it is kept; raise ValidationError naming the field where it can't be."""
    if name.startswith(TEXT):
        if name.removeprefix(TEXT) not in texts:
            raise ValidationError(f"This retrospective has no section “{name.removeprefix(TEXT)}”.")
        return checked_text(value, name)
    if name.startswith(ROLE):
        return checked_role(name.removeprefix(ROLE), value, name)
    if name not in (*PLAIN, *SEVERAL):
        raise TypeError(f"not for people to set: {name}")
    if name == "title":
        value = " ".join(value.replace("\0", "").split())
        if not value or len(value) > LONGEST_TITLE:
            raise ValidationError({"title": f"Write a title of 1 to {LONGEST_TITLE} characters."})
    elif name == "severity":
        value = " ".join(value.replace("\0", "").split())
        if len(value) > 60:
            raise ValidationError({"severity": "This has over 60 characters. Shorten it."})
    elif name == "themes":
        return checked_themes(value)
    elif name == "services":
        found = sorted({each.pk: each for each in value}.values(), key=lambda each: each.name)
        if len(found) > MOST_SERVICES:
            raise ValidationError({"services": f"These are {len(found)} services; {MOST_SERVICES} is the most."})
        return found
    return checked_time(value, name) if name in ("began_at", "ended_at") else value


def checked_time(value: datetime | None, field: str) -> datetime | None:
    """Return a moment as it is kept, to the second: forms have no finer time. Raises ValidationError for a year that can't be."""
    if value is not None and not EARLIEST <= value.year <= LATEST:
        raise ValidationError({field: f"Choose a year from {EARLIEST} to {LATEST}."})
    return value.replace(microsecond=0) if value is not None else None


def checked_text(value: str, field: str) -> str:
    """Return the text of a section as it is kept. Raises ValidationError for one that is too long."""
    value = value.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").rstrip()
    if len(value) > LONGEST_TEXT:
        raise ValidationError({field: f"This is over {LONGEST_TEXT:,} characters. Shorten it, or link to the rest."})
    return f"{value}\n" if value else ""


def checked_themes(names: "list[str]") -> list[str]:
    """Return themes as they are kept: in small letters, each once. Raises ValidationError naming `themes`."""
    found = sorted({" ".join(each.replace("\0", "").lower().split()) for each in names} - {""})
    if len(found) > MOST_THEMES:
        raise ValidationError({"themes": f"These are {len(found)} themes; {MOST_THEMES} is the most."})
    if long := next((each for each in found if len(each) > LONGEST_THEME), ""):
        raise ValidationError({"themes": f"“{long[:50]}…” has over {LONGEST_THEME} characters. Shorten it."})
    return found


def _check_times(held: Retrospective, changed: Mapping[str, Any]) -> None:
    began = changed.get("began_at", held.began_at)
    ended = changed.get("ended_at", held.ended_at)
    if began and ended and ended < began:
        raise ValidationError({"ended_at": "This is before it began. Check both times."})


def _merged(
    held: Retrospective, texts: Mapping[str, RetrospectiveSection], wanted: Mapping[str, Any], base: int
) -> dict[str, Any]:
    """Return the fields this person changed, merged with what others made of them since; raise Conflict where that fails."""
    if base > held.version:
        raise ValidationError(f"This is at version {held.version}; there’s no version {base} yet.")
    since: dict[str, list[RetrospectiveEdit]] = {}
    edits = held.edits.filter(version__gt=base, field__in=list(wanted)).select_related("by").order_by("version", "pk")
    for each in edits:
        since.setdefault(each.field, []).append(each)
    mine: dict[str, Any] = {}
    clashes: list[Clash] = []
    for name, value in wanted.items():
        now = present(held, texts, name)
        began = since[name][0].before if name in since else said(now)
        if said(value) in (began, said(now)):
            continue
        if name not in since or said(now) == began:
            mine[name] = value
        elif name.startswith(TEXT) and (merged := merge(str(began), now, value)) is not None:
            mine[name] = checked_text(merged, name)
        else:
            last = since[name][-1]
            clashes.append(Clash(name, label_of(name, texts), words(value), words(now), last.by, last.at))
            mine[name] = value
    if clashes:
        raise Conflict(held, clashes, mine)
    return mine


def words(value: Any) -> str:
    """Return a field's value as text."""
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    if isinstance(value, bool):
        return "only the squad and people added" if value else "everyone"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    return value.name if isinstance(value, User | Service) else str(value or "")


def said_of(entry: TimelineEntry) -> str:
    """Return an entry of a timeline as the history keeps it, in one line, as it was written."""
    text, note = entry.source("text"), entry.source("note")
    at = f"{entry.at:%Y-%m-%d %H:%M:%S} " if entry.at else ""
    until = f"to {entry.until:%Y-%m-%d %H:%M:%S} " if entry.until else ""
    url = f" <{entry.url}>" if entry.url else ""
    return (
        f"{at}{until}{text}{url}{f' ({note})' if note else ''}{'' if entry.state == 'shown' else f' [{entry.state}]'}"
    )
