"""What pages and the API read about sessions."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from portal.kernel.actors import Actor, Anyone
from squads.retrospective_sessions.columns import WITHOUT_CARDS
from squads.retrospective_sessions.models import CardGroup, RetrospectiveSession, SessionCard
from squads.retrospective_sessions.permissions import takes_part
from squads.retrospectives.models import Retrospective, RetrospectiveSection

SHORTEST_NAME = 3


class OpenAction(NamedTuple):
    """What was decided before and isn't done: its title, its address, and what is known of it in a few words."""

    title: str
    url: str
    note: str = ""


# Which actions from before a retrospective somebody can read are still open: handed in by portal/subscriptions.py.
OPEN_ACTIONS: list[Callable[[Retrospective, Anyone], Sequence[OpenAction]]] = []


def session_of(retrospective: Retrospective) -> RetrospectiveSession | None:
    """Return the session of a retrospective, if one was opened."""
    # From `retrospective_at` it comes along.
    return getattr(retrospective, "session", None)


def open_actions(row: Retrospective, reader: Anyone) -> list[OpenAction]:
    """Return the actions of the squad's earlier retrospectives that are still open and that this person can read."""
    return [each for find in OPEN_ACTIONS for each in find(row, reader)]


def columns_of(row: Retrospective) -> list[RetrospectiveSection]:
    """Return the sections of a retrospective that take cards, in order."""
    without = WITHOUT_CARDS[row.kind]
    return [each for each in row.sections.all() if each.key not in without]


@dataclass(slots=True)
class ShownGroup:
    """A group with its cards, as pages show it."""

    group: CardGroup
    cards: list[SessionCard] = field(default_factory=list)
    # How many votes the reader gave it.
    mine: int = 0
    # How many it has, where they are counted.
    votes: int | None = None

    @property
    def one_more(self) -> int:
        """The reader's votes, and one."""
        return self.mine + 1

    @property
    def one_less(self) -> int:
        """The reader's votes without one."""
        return max(0, self.mine - 1)

    @property
    def label(self) -> str:
        """What the group is called: its name, or how its first card begins."""
        text = self.group.name or (self.cards[0].text if self.cards else "")
        text = " ".join(text.split())
        return text if len(text) <= 60 else f"{text[:59]}…"


@dataclass(slots=True)
class Column:
    """A section that takes cards, with the groups shown under it."""

    key: str
    title: str
    hint: str
    groups: list[ShownGroup] = field(default_factory=list)


def groups_of(session: RetrospectiveSession) -> list[ShownGroup]:
    """Return all groups of a session with their cards: two queries, however many there are."""
    found = {group.pk: ShownGroup(group) for group in session.groups.all()}
    cards = session.cards.all() if session.anonymous else session.cards.select_related("signature__person")
    for card in cards:
        found[card.group_id].cards.append(card)
    return list(found.values())


def board_of(session: RetrospectiveSession, groups: Sequence[ShownGroup]) -> list[Column]:
    """Return the columns of a session. A section that was removed since keeps its column while it has cards."""
    columns = {each.key: Column(each.key, each.title, each.hint) for each in columns_of(session.retrospective)}
    for shown in groups:
        key = shown.group.section
        columns.setdefault(key, Column(key, key.replace("_", " ").capitalize(), "")).groups.append(shown)
    return list(columns.values())


def most_voted(groups: Sequence[ShownGroup]) -> list[ShownGroup]:
    """Return groups as they are discussed: most votes first."""
    return sorted(groups, key=lambda each: (-each.group.votes, each.group.position))


def involvement(row: Retrospective, person: Actor) -> list[str]:
    """Return how a retrospective shows that somebody was involved; nothing where it doesn't.

    Whoever is in the story tells it from within. This is a hint, by names in the text: nobody is kept from facilitating.
    """
    found = []
    entries = list(row.timeline.exclude(state="dropped").values_list("by", "text", "note"))
    if any(by == person.pk for by, _, _ in entries):
        found.append("wrote entries of the timeline")
    name = _named(person)
    if any(name.search(f"{text}\n{note}") for _, text, note in entries):
        found.append("is named in the timeline")
    if name.search(row.title) or any(name.search(each.text) for each in row.sections.all()):
        found.append("is named in the text")
    return found


def _named(person: Actor) -> re.Pattern[str]:
    """Return what finds a person in a text: the full name, or the user name as a mention or a word of its own."""
    ways = [rf"@{re.escape(person.username)}\b"]
    if len(person.username) >= SHORTEST_NAME:
        # “Rodeo done” is a stage, and nobody called rodeo.
        ways.append(rf"(?<![\w@.-]){re.escape(person.username)}(?![\w@.-]| done\b)")
    if person.get_full_name():
        ways.append(rf"\b{re.escape(person.get_full_name())}\b")
    return re.compile("|".join(ways), re.IGNORECASE)


def sessions_heard(person: Anyone, slugs: Collection[str]) -> set[str]:
    """Return those of these retrospectives whose sessions a person takes part in; asked by the live stream."""
    if not person.is_authenticated:
        return set()
    rows = Retrospective.objects.readable_by(person).filter(slug__in=slugs, session__isnull=False)
    found = rows.select_related("session__retrospective__squad")
    return {row.slug for row in found if takes_part(row.session, person)}
