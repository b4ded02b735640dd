"""The retrospectives about a release, and which a person can begin."""

from dataclasses import dataclass

from portal.kernel.actors import Anyone
from portal.kernel.paging import Newest, newest
from releases.planning.models import Release
from squads.models import Retrospective
from squads.teams.models import Squad

# What retrospectives about a release say they are about, and their kinds with the words of their buttons.
SUBJECT = "release"
RETROSPECTIVES = {"release": "Write retrospective", "success": "Write success review"}
MOST_SHOWN, MOST_SQUADS = 20, 200


@dataclass(frozen=True, slots=True)
class Offer:
    """A kind of retrospective that this person can begin about a release, and the squads that have none of it yet."""

    kind: str
    words: str
    squads: list[Squad]


@dataclass(frozen=True, slots=True)
class AboutRelease:
    """The retrospectives about a release that somebody can read, and those they can begin."""

    rows: Newest[Retrospective]
    offers: list[Offer]


def about_release(release: Release, reader: Anyone) -> AboutRelease:
    """Return what this person can read and begin about a release. Three queries at most.

    Whoever can begin one for a squad can read all that it has, so what isn't offered says nothing that they don't see.
    """
    about = Retrospective.objects.readable_by(reader).filter(subject_kind=SUBJECT, subject_key=str(release.pk))
    rows = newest(about.select_related("squad").newest(), MOST_SHOWN)
    squads = list(Squad.objects.writable_by(reader).order_by("name")[:MOST_SQUADS])
    written = {(row.kind, row.squad_id) for row in rows}
    if rows.total > len(rows):
        written = set(about.order_by().values_list("kind", "squad_id"))
    offers = [
        Offer(kind, words, left)
        for kind, words in RETROSPECTIVES.items()
        if (left := [squad for squad in squads if (kind, squad.pk) not in written])
    ]
    return AboutRelease(rows, offers)
