"""The verdict on releases, judged whenever somebody asks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from portal.kernel.paging import Newest, newest
from releases.gates.findings import Blocker, Finding
from releases.gates.readiness import Readiness, judge
from releases.planning.models import Release
from releases.readiness.inputs import EVERY_LINE, Inputs, inputs_of
from releases.readiness.models import ChecklistItem, ChecklistTick, GateOverride

MOST_OVERRIDES = 50


def readiness_of(releases: Iterable[Release], *, at: datetime | None = None) -> dict[UUID, Readiness]:
    """Judge releases at a moment (now, unless given). Nothing is cached.

    It takes as many queries for any number of releases and stories: twenty at most where services ship commits of the
    mainline, some more where a tag is beside it or a change was taken back, and git's history must tell what is contained.
    """
    return {pk: judged(each) for pk, each in inputs_of(releases, at=at).items()}


def readiness_for_service(release: Release, service_name: str, *, at: datetime | None = None) -> Readiness:
    """Judge what concerns one service of a release, for its pipeline. One that it doesn't ship leaves the verdict unknown."""
    return judged(inputs_of([release], at=at)[release.pk], service_name)


def judged(inputs: Inputs, service: str = "") -> Readiness:
    """Judge what was read."""
    facts = inputs.facts.of_service(service) if service else inputs.facts
    return judge(facts, inputs.template, inputs.overrides)


# What the pages show

SYMBOLS = {"passed": "✓", "waiting": "◷", "failed": "✕", "stale": "⌛", "unknown": "?"}
LEVELS = {"passed": "good", "waiting": "warn", "failed": "bad", "stale": "warn", "unknown": "warn"}
SHOWN = 5
NOBODY = "no one: it takes time"


@dataclass(frozen=True, slots=True)
class GateRow:
    """A gate as pages show it, with the first of what blocks it; `more` are on its own page."""

    found: Finding
    symbol: str
    level: str
    shown: tuple[Blocker, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Group:
    """What one person, squad or role can act on, the oldest first: each with the title and name of its gate."""

    who: str
    count: int
    oldest: datetime | None
    shown: tuple[tuple[str, str, Blocker], ...]
    more: int


def gate_rows(readiness: Readiness, who: str = "", gate: str = "") -> list[GateRow]:
    """Return the gates as pages show them: all, one, or those on which somebody can act."""
    rows = []
    for found in readiness.findings:
        blockers = tuple(each for each in found.blockers if not who or said_who(each) == who)
        if (who and not blockers) or (gate and found.gate != gate):
            continue
        symbol, level = SYMBOLS[found.state], LEVELS[found.state]
        rows.append(GateRow(found, symbol, level, blockers[:SHOWN], max(len(blockers) - SHOWN, 0)))
    return rows


def said_who(blocker: Blocker) -> str:
    """Say who can act on what blocks."""
    return blocker.who or NOBODY


def who_can_act(readiness: Readiness) -> list[str]:
    """Return everybody who can act on what blocks, by name."""
    return sorted({said_who(each) for each in readiness.blockers}, key=str.casefold)


def groups(readiness: Readiness, who: str = "") -> list[Group]:
    """Return what blocks by who can act, those with the oldest first. Of `who` alone, everything."""
    found: dict[str, list[tuple[str, str, Blocker]]] = {}
    for each in readiness.blocking:
        for blocker in each.blockers:
            if not who or said_who(blocker) == who:
                found.setdefault(said_who(blocker), []).append((each.title, each.gate, blocker))
    made = []
    for name, some in found.items():
        some.sort(key=lambda each: _by_age(each[2].since))
        shown = some if who else some[:SHOWN]
        made.append(Group(name, len(some), some[0][2].since, tuple(shown), len(some) - len(shown)))
    return sorted(made, key=lambda group: (*_by_age(group.oldest), group.who))


def _by_age(since: datetime | None) -> tuple[bool, float]:
    """Sort what began first first, and what nobody knows the age of last."""
    return since is None, since.timestamp() if since else 0.0


def overrides_of(release: Release, gate: str) -> Newest[GateOverride]:
    """Return the overrides of a gate, the newest first, those that are over too."""
    rows = GateOverride.objects.filter(release=release, gate=gate).select_related("by", "withdrawn_by")
    return newest(rows.order_by("-at", "-pk"), MOST_OVERRIDES)


def checklist_of(release: Release) -> "QuerySet[ChecklistItem]":
    """Return the lines of a release's checklist, its own and those of its line, each with who ticked it (`open_ticks`)."""
    ticks = ChecklistTick.objects.filter(release=release, unticked_at=None).select_related("by")
    of_line = Q(release=None, line__in=[EVERY_LINE, release.line])
    rows = ChecklistItem.objects.filter(Q(release=release) | of_line, removed_at=None).select_related("release", "by")
    return rows.prefetch_related(Prefetch("ticks", ticks, to_attr="open_ticks")).order_by("pk")
