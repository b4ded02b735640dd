"""The retrospectives that have to be read for a release, and who read them."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import Http404
from django.utils.safestring import SafeString

from portal.kernel.actors import Anyone
from releases.gates.facts import LearningFact, ReleaseFacts
from releases.gates.learnings import readers, said_readers, to_read
from releases.planning.models import Release
from releases.readiness.inputs import inputs_of
from releases.readiness.models import LearningRead
from squads.discussions.queries import render_texts
from squads.models import Retrospective, RetrospectiveSection
from squads.teams.models import Squad
from squads.teams.permissions import answers_for

GATE = "learnings"
NOT_ASKED = "Nothing has to be read for this release: its gates don’t include “Learnings read”."
NOT_AMONG = "There’s no such retrospective among those to read for this release."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a release is judged by, and the retrospectives to read for it, the newest first."""

    facts: ReleaseFacts
    learnings: list[LearningFact]

    def named(self, retrospective: Retrospective) -> LearningFact | None:
        """Return what is to be read of a retrospective; None if it's not among them."""
        return next((each for each in self.learnings if each.id == str(retrospective.pk)), None)

    def may_read(self, learning: LearningFact, squads: Mapping[str, str], release: Release, person: Anyone) -> bool:
        """Say whether this person may say that they read one. `squads` are their own, as `squads_of` returns them."""
        if not person.is_authenticated or person.program_of_id:
            return False
        own = readers(self.facts, learning)
        return bool(own.keys() & squads.keys()) if own else answers_for(release, person)


def squads_of(person: Anyone) -> dict[str, str]:
    """Return the squads for which this person may write, names by slug."""
    return dict(Squad.objects.writable_by(person).values_list("slug", "name"))


def wanted_for(release: Release) -> Wanted:
    """Return what has to be read for a release. Raises Http404 where its gates ask for nothing."""
    inputs = inputs_of([release])[release.pk]
    setting = next((each for each in inputs.template if each.gate == GATE), None)
    if setting is None:
        raise Http404(NOT_ASKED)
    return Wanted(inputs.facts, to_read(inputs.facts, setting.values))


def retrospective_among(wanted: Wanted, slug: str) -> tuple[Retrospective, LearningFact]:
    """Return the retrospective at an address, if it's among those to read. All others are refused in the same words."""
    row = Retrospective.objects.public().filter(slug=slug).select_related("squad").first()
    learning = wanted.named(row) if row is not None else None
    if row is None or learning is None:
        raise Http404(NOT_AMONG)
    return row, learning


@dataclass(frozen=True, slots=True)
class ToRead:
    """A retrospective to read, as its page shows it."""

    row: Retrospective
    learning: LearningFact
    html: SafeString
    who: str
    may_read: bool
    reads: list[LearningRead]


def shown(release: Release, wanted: Wanted, person: Anyone) -> list[ToRead]:
    """Return what is to be read, with its learnings and who read it; those that nobody read come first. Six queries at most."""
    ids = [each.id for each in wanted.learnings]
    rows = {str(row.pk): row for row in Retrospective.objects.public().filter(pk__in=ids).select_related("squad")}
    there = [each for each in wanted.learnings if each.id in rows]
    texts = dict(
        RetrospectiveSection.objects.filter(retrospective__in=list(rows.values()), key="learnings").values_list(
            "retrospective_id", "text"
        )
    )
    htmls = render_texts([texts.get(rows[each.id].pk, "") for each in there])
    reads, squads = reads_of(release, rows), squads_of(person)
    found = []
    for learning, html in zip(there, htmls, strict=True):
        own = reads.get(learning.id, [])
        done = any(read.by_id == person.pk and read.version == learning.version for read in own)
        may = not done and wanted.may_read(learning, squads, release, person)
        who = said_readers(wanted.facts, readers(wanted.facts, learning))
        found.append(ToRead(rows[learning.id], learning, html, who, may, own))
    return sorted(found, key=lambda each: each.learning.last_read is not None)


def reads_of(release: Release, retrospectives: Mapping[str, Retrospective]) -> dict[str, list[LearningRead]]:
    """Return who said that they read which, by the ids of retrospectives, the newest first."""
    rows = LearningRead.objects.filter(
        release=release, retrospective__in=list(retrospectives.values()), withdrawn_at=None
    )
    found: dict[str, list[LearningRead]] = {}
    for row in rows.select_related("by").order_by("-at", "-pk"):
        found.setdefault(str(row.retrospective_id), []).append(row)
    return found
