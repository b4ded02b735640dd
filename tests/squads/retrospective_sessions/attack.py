"""An attack on the anonymity of cards: `python -m tests.squads.retrospective_sessions.attack [trials]`.

Five people write cards through the door they come in by. The attacker has what somebody with the machine has, but not the
key: the whole database after every request (every table, with the places and transactions of rows, and on SQLite the file
itself), sequences, the log of a proxy that names who asked for what and how long the answer was, everything that was logged
at any level, all that a real broker keeps and tells open pages, and the outbox. He was also there himself before: he plays
sessions of which he knows the truth, and learns which clue works best. Then, for each card, he is told two people and says
who of them wrote it.

A clue is a score: how well a person fits a card. Where none helps, he tosses a coin, and hits half of the time. The plants
put a leak into the program, so that one sees that the attack would find it.
"""

import logging
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from tests.squads.retrospective_sessions.wire import Wire

PEOPLE = 5
WORDS = (
    "alert cache checkout deploy dashboard database delay queue retry rollback latency timeout pager graph config flag "
    "manual review test canary memory traffic budget owner handover"
).split()
Row = tuple[Any, ...]
Dump = dict[str, list[Row]]


@dataclass
class Step:
    """One request of one person: what the proxy logged, and what there was afterwards."""

    person: int
    line: str
    length: int
    dump: Dump
    image: bytes
    logged: list[str]
    told: list[str]
    wrote: bool


@dataclass
class Evidence:
    """What the attacker has of one session."""

    before: Dump
    image: bytes
    names: dict[int, str]
    steps: list[Step] = field(default_factory=list)
    after: Dump = field(default_factory=dict)
    later: list[str] = field(default_factory=list)
    # What everybody sees after the reveal.
    texts: list[str] = field(default_factory=list)
    # Worked out once: where each card stands, and what stands beside it alone.
    places: dict[str, dict[tuple[str, int], int]] = field(default_factory=dict)
    beside: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class Played:
    """A session: what the attacker has of it, and who wrote which card."""

    evidence: Evidence
    truth: dict[str, int]


# Playing


@cache
def _tables() -> list[str]:
    from django.db import connection

    return connection.introspection.table_names()


def dump_of() -> Dump:
    """Return every table, with where its rows are, and the sequences."""
    from django.db import connection

    place = "rowid" if connection.vendor == "sqlite" else "ctid::text, xmin::text"
    found: Dump = {}
    with connection.cursor() as cursor:
        for name in _tables():
            # The tables of SQLite's full-text search have no rowid of their own.
            where = "1" if name.startswith("portal_searchwords_") else place
            cursor.execute(f'SELECT {where}, * FROM "{name}"')
            found[name] = [tuple(row) for row in cursor.fetchall()]
        sequences = "sqlite_sequence" if connection.vendor == "sqlite" else "pg_sequences"
        cursor.execute(f"SELECT * FROM {sequences}")
        found[sequences] = [tuple(row) for row in cursor.fetchall()]
    return found


def image_of() -> bytes:
    """Return the database's file as it is, with what is left of deleted rows; nothing where it is on a server."""
    from django.db import connection

    return bytes(connection.connection.serialize()) if connection.vendor == "sqlite" else b""


class Listening(logging.Handler):
    """Keeps all that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {record.getMessage()}")

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


def _written(post: Callable[[dict[str, str]], Any], text: str, chance: random.Random) -> Any:
    """Write a card; now and then with a slip that is mended, or beside one that is removed again. Return the last answer."""
    slip = chance.random()
    first = post({"do": "write", "section": "factors", "text": f"{text} no" if slip < 0.3 else text})
    if slip < 0.3:
        return post({"do": "change", "card": _secret(first), "text": text})
    if slip < 0.5:
        return post(
            {"do": "remove", "card": _secret(post({"do": "write", "section": "factors", "text": "Other words"}))}
        )
    return first


def _secret(answer: Any) -> str:
    if answer.headers["Content-Type"].startswith("application/json"):
        return str(answer.json()["card"])
    return re.findall(r'name="card" value="([^"]+)"', answer.content.decode())[-1]


def _by_script(browser: Any, place: str, text: str, chance: random.Random) -> Any:
    headers = {"Accept": "application/json"}
    return _written(lambda body: browser.post(f"{place}cards/", body, headers=headers), text, chance)


def _by_form(browser: Any, place: str, text: str, chance: random.Random) -> Any:
    mine: list[str] = []

    def post(body: dict[str, str]) -> Any:
        answer = browser.post(f"{place}cards/", {**body, "mine": mine})
        mine[:] = re.findall(r'name="card" value="([^"]+)"', answer.content.decode())
        return answer

    return _written(post, text, chance)


def _by_api(browser: Any, place: str, text: str, chance: random.Random) -> Any:
    kind = "application/json"
    return _written(lambda body: browser.post(f"/api/v1{place}cards/", body, content_type=kind), text, chance)


# Pages with scripts, pages without, and the API.
DOORS: dict[str, Callable[[Any, str, str, random.Random], Any]] = {
    "script": _by_script,
    "form": _by_form,
    "api": _by_api,
}


class Stage:
    """Five people with a browser each, in a squad with a facilitator."""

    def __init__(self, chance: random.Random, wire: "Wire") -> None:
        from django.test import Client

        from portal.accounts.models import User
        from squads.models import Membership, Squad

        self.chance, self.count, self.wire = chance, 0, wire
        self.squad = Squad.objects.create(name="Attacked", slug="attacked", key_prefix="ATT")
        self.people, self.browsers = [], []
        for number in range(PEOPLE + 1):
            person = User.objects.create_user(f"person{number}", password="attacked-one", first_name=f"Nr{number}")
            Membership.objects.create(squad=self.squad, user=person)
            browser = Client(REMOTE_ADDR=f"10.0.0.{number + 1}")
            browser.force_login(person)
            self.people.append(person)
            self.browsers.append(browser)

    def play(self) -> Played:
        """Play one session: everybody writes one card, and looks at the page now and then. Then the facilitator reveals."""
        from django.conf import settings
        from django.test import TestCase

        from portal.kernel import outbox
        from portal.kernel.models import Message, StateChange
        from squads.retrospective_sessions.actions import open_session
        from squads.retrospectives.actions import create

        self.count += 1
        lead = self.people[PEOPLE]
        row = create(self.squad, by=lead, kind="incident", title=f"Trial {self.count}", facilitator=lead)
        open_session(row, by=lead)
        place = f"/retrospectives/{row.slug}/session/"
        heard = Listening()
        truth: dict[str, int] = {}
        root = logging.getLogger()
        level = root.level
        root.addHandler(heard)
        root.setLevel(logging.DEBUG)
        try:
            with mock.patch.object(settings, "RODEO_WAKE", True):
                self.wire.take()
                evidence = Evidence(dump_of(), image_of(), {each.pk: each.username for each in self.people})
                # Who came in by another door than the others would be known by that.
                door = self.chance.choice(list(DOORS))
                for number in self.chance.sample(range(PEOPLE), PEOPLE):
                    if self.chance.random() < 0.3:
                        self._ask(evidence, heard, self.chance.randrange(PEOPLE), place)
                    text = " ".join(self.chance.choices(WORDS, k=self.chance.randint(2, 80)))
                    text = f"{text} {self.count} {number * 7919 % 97}"
                    truth[text] = self.people[number].pk
                    self._ask(evidence, heard, number, place, text, door)
                with TestCase.captureOnCommitCallbacks(execute=True):
                    answer = self.browsers[PEOPLE].post(f"{place}phase/", {"to": "group"})
                    assert answer.status_code == 302, answer.status_code
                with TestCase.captureOnCommitCallbacks(execute=True):
                    outbox.deliver()
                evidence.after = dump_of()
                evidence.texts = sorted(truth)
                evidence.later = heard.take() + self.wire.take()
        finally:
            root.removeHandler(heard)
            root.setLevel(level)
        # What is learned of one session helps with no other: rows of all of them would only take longer to look through.
        row.delete()
        Message.objects.all().delete()
        StateChange.objects.all().delete()
        return Played(evidence, truth)

    def _ask(
        self, evidence: Evidence, heard: Listening, number: int, place: str, text: str = "", door: str = ""
    ) -> None:
        from django.test import TestCase

        browser = self.browsers[number]
        # Nothing is committed, so that all is gone afterwards; what a commit sets off happens after each request.
        with TestCase.captureOnCommitCallbacks(execute=True):
            answer = DOORS[door](browser, place, text, self.chance) if text else browser.get(place)
        assert answer.status_code == 200, answer.status_code
        method, address = ("POST", f"{door} {place}cards/") if text else ("GET", place)
        step = Step(
            person=self.people[number].pk,
            line=f"10.0.0.{number + 1} {method} {address} {answer.status_code} {len(answer.content)}",
            length=len(answer.content),
            dump=dump_of(),
            image=image_of(),
            logged=heard.take(),
            told=self.wire.take(),
            wrote=bool(text),
        )
        evidence.steps.append(step)


# Clues: how well a person fits a card


def _writes(evidence: Evidence) -> list[Step]:
    return [each for each in evidence.steps if each.wrote]


def _new_rows(before: Dump, after: Dump) -> Iterator[Row]:
    for name, rows in after.items():
        if rows == before.get(name):
            continue
        known = set(map(repr, before.get(name, ())))
        yield from (row for row in rows if repr(row) not in known)


def named_beside(evidence: Evidence, text: str, person: int) -> float:
    """A row or a line has the text of the card, and the person."""
    name, found = evidence.names[person], 0.0
    last = evidence.before
    for step in evidence.steps:
        for row in _new_rows(last, step.dump):
            if text in map(str, row) and (name in map(str, row) or person in row[1:]):
                found += 1
        last = step.dump
    for row in _new_rows(last, evidence.after):
        cells = list(map(str, row))
        if any(text in cell for cell in cells) and any(name in cell for cell in cells):
            found += 1
    lines = [line for step in evidence.steps for line in (*step.logged, *step.told)] + evidence.later
    return found + sum(text in line and name in line for line in lines)


def new_between_backups(evidence: Evidence, text: str, person: int) -> float:
    """The text is in the backup after the person's request, and not in the one before it."""
    score, last = 0.0, evidence.before
    for step in evidence.steps:
        is_new = any(text in str(cell) for row in _new_rows(last, step.dump) for cell in row)
        if step.person == person and is_new:
            was_there = any(text in str(cell) for rows in last.values() for row in rows for cell in row)
            score += not was_there
        last = step.dump
    return score


def new_in_the_file(evidence: Evidence, text: str, person: int) -> float:
    """The text is in the file of the database after the person's request, and not before."""
    score, last = 0.0, evidence.image
    for step in evidence.steps:
        if step.person == person and text.encode() in step.image and text.encode() not in last:
            score += 1
        last = step.image
    return score


def grown_as_long(evidence: Evidence, text: str, person: int) -> float:
    """The tables grew as much more than for the shortest card as the card is longer, when the person wrote."""
    grown, last = {}, evidence.before
    for step in evidence.steps:
        if step.wrote:
            changed = [name for name in step.dump if step.dump[name] != last.get(name)]
            grown[step.person] = sum(_size(step.dump[name]) - _size(last.get(name, [])) for name in changed)
        last = step.dump
    more = grown[person] - min(grown.values())
    longer = len(text) - min(map(len, evidence.texts))
    # Encryption makes of three bytes four, and text of that again.
    return -min(abs(more - longer), abs(more * 3 / 4 - longer))


def _size(rows: Sequence[Row]) -> int:
    return sum(len(cell) for row in rows for cell in row if isinstance(cell, str))


def answered_as_long(evidence: Evidence, text: str, person: int) -> float:
    """The answer to the person was about as long as the card."""
    lengths = [step.length for step in _writes(evidence) if step.person == person]
    shortest = min(step.length for step in _writes(evidence))
    return -min((abs(length - shortest - len(text)) for length in lengths), default=0)


def logged_as_long(evidence: Evidence, text: str, person: int) -> float:
    """A line that was logged or told about the person's request has the length of the card."""
    for step in _writes(evidence):
        if step.person == person:
            numbers = [int(each) for line in (*step.logged, *step.told) for each in re.findall(r"\b\d{1,4}\b", line)]
            return -min((abs(each - len(text)) for each in numbers), default=0)
    return 0.0


def _turn(evidence: Evidence, person: int) -> int:
    return next(turn for turn, step in enumerate(_writes(evidence)) if step.person == person)


def _rows_of(evidence: Evidence, text: str) -> dict[str, list[Row]]:
    """Return rows that the reveal left: the card's own, its group's, and others with its text."""
    found: dict[str, list[Row]] = {}
    # The card's row first: it leads to its group's.
    for name in ("squads_sessioncard", *(each for each in evidence.after if each != "squads_sessioncard")):
        rows = evidence.after[name]
        known = set(map(repr, evidence.before.get(name, ())))
        new = [row for row in rows if repr(row) not in known]
        if name == "squads_cardgroup":
            ids = {_plain(cell) for row in found.get("squads_sessioncard", ()) for cell in row}
            mine = [row for row in new if ids & {_plain(cell) for cell in row if len(_plain(cell)) == 32}]
        else:
            mine = [row for row in new if any(text in str(cell) for cell in row)]
        if mine:
            found[name] = mine
    return found


def _plain(cell: Any) -> str:
    return str(cell).replace("-", "")


@dataclass
class Ranks:
    """Where a card stands, by any column of any table, tells when it was written: forwards, backwards, or however it is learned.

    For each column, how often the card of who came in this turn stood at this place.
    """

    seen: dict[tuple[str, int], dict[tuple[int, int], int]] = field(default_factory=dict)

    def learn(self, trial: "Trial") -> None:
        for column, place in _places(trial.played.evidence, trial.text).items():
            turn = _turn(trial.played.evidence, trial.writer)
            counts = self.seen.setdefault(column, {})
            counts[turn, place] = counts.get((turn, place), 0) + 1

    def __call__(self, evidence: Evidence, text: str, person: int) -> float:
        turn, best = _turn(evidence, person), 0.0
        for column, place in _places(evidence, text).items():
            counts = self.seen.get(column, {})
            # A column that tells stands for one turn nearly always at one place; one of five would be chance.
            sure = sum(max((counts.get((each, at), 0) for at in range(PEOPLE)), default=0) for each in range(PEOPLE))
            if (of := sum(counts.values())) and sure / of > 0.75:
                best = max(best, counts.get((turn, place), 0) / of)
        return best


def _places(evidence: Evidence, text: str) -> dict[tuple[str, int], int]:
    """Return where a card stands among those of its session, by each column that tells them apart."""
    if not evidence.places:
        rows = {each: _rows_of(evidence, each) for each in evidence.texts}
        for name in {name for found in rows.values() for name in found}:
            if all(len(found.get(name, ())) == 1 for found in rows.values()):
                _rank(evidence, name, {each: found[name][0] for each, found in rows.items()})
    return evidence.places.get(text, {})


def _rank(evidence: Evidence, name: str, rows: dict[str, Row]) -> None:
    for column in range(len(next(iter(rows.values())))):
        values = {text: _place(row[column]) or [0] for text, row in rows.items()}
        texts = {text: str(row[column]) for text, row in rows.items()}
        key = values if all(re.fullmatch(r"[\d(),]*", each) for each in texts.values()) else texts
        if len({str(each) for each in key.values()}) == len(rows):
            for place, each in enumerate(sorted(rows, key=lambda one: key[one])):  # type: ignore[index]
                evidence.places.setdefault(each, {})[name, column] = place


@dataclass
class Habits:
    """What stands beside somebody's cards, session after session, stands beside this one too: a pseudonym."""

    seen: dict[tuple[str, int], int] = field(default_factory=dict)

    def learn(self, trial: "Trial") -> None:
        for cell in _beside(trial.played.evidence, trial.text):
            self.seen[cell, trial.writer] = self.seen.get((cell, trial.writer), 0) + 1

    def __call__(self, evidence: Evidence, text: str, person: int) -> float:
        return sum(self.seen.get((cell, person), 0) for cell in _beside(evidence, text))


def _beside(evidence: Evidence, text: str) -> set[str]:
    """Return what stands in the rows of a card or with its text, and not in those of the session's other cards."""
    if not evidence.beside:
        found: dict[str, set[str]] = {}
        for each in evidence.texts:
            rows = [row for kept in _rows_of(evidence, each).values() for row in kept]
            found[each] = {str(cell) for row in rows for cell in row[2:]}
        for each, cells in found.items():
            others = set().union(*(other for name, other in found.items() if name != each))
            evidence.beside[each] = cells - others
    return evidence.beside.get(text, set())


def _place(cell: Any) -> list[int]:
    """A rowid, or a ctid such as (0,12), to sort by."""
    return [int(each) for each in re.findall(r"\d+", str(cell))]


Clue = Callable[[Evidence, str, int], float]


def clues(known: "Sequence[Trial]") -> list[Clue]:
    """Return all clues, with what is learned from sessions whose truth is known."""
    ranks, habits = Ranks(), Habits()
    for trial in known:
        ranks.learn(trial)
        habits.learn(trial)
    return [
        named_beside,
        new_between_backups,
        new_in_the_file,
        grown_as_long,
        answered_as_long,
        logged_as_long,
        ranks,
        habits,
    ]


# The attacker


@dataclass(frozen=True)
class Trial:
    """A card, two people, and who of them wrote it."""

    played: Played
    text: str
    two: tuple[int, int]

    @property
    def writer(self) -> int:
        return self.played.truth[self.text]


def trials_of(played: Played, chance: random.Random) -> list[Trial]:
    """Return a trial for each card of a session: its writer, and one of the four others, in any order."""
    people = sorted(played.truth.values())
    found = []
    for text, writer in sorted(played.truth.items()):
        two = [writer, chance.choice([each for each in people if each != writer])]
        chance.shuffle(two)
        found.append(Trial(played, text, (two[0], two[1])))
    return found


def guess(clue: Clue, trial: Trial, chance: random.Random) -> int:
    """Say who of two wrote a card; by a coin where the clue says the same of both."""
    scores = [clue(trial.played.evidence, trial.text, person) for person in trial.two]
    if scores[0] == scores[1]:
        return chance.choice(trial.two)
    return trial.two[scores[1] > scores[0]]


@dataclass
class Result:
    """What came of an attack: how often it was right, of how many, and by which clue."""

    hits: int
    trials: int
    clue: str


def attack(trials: int, chance: random.Random, wire: "Wire", *, learning: int = 12) -> Result:
    """Learn which clue works, on sessions whose truth is known; then guess in so many trials."""
    stage = Stage(chance, wire)
    # What is learned of some is tried on others, so that nothing is taken for a clue that fits only what it was made of.
    sessions = [trials_of(stage.play(), chance) for _ in range(learning)]
    half = len(sessions) // 2
    learned = clues([trial for session in sessions[:half] for trial in session])
    tried = [trial for session in sessions[half:] for trial in session]
    rights = [sum(guess(clue, each, chance) == each.writer for each in tried) for clue in learned]
    best = learned[rights.index(max(rights))]
    asked: list[Trial] = []
    hits = 0
    while len(asked) < trials:
        new = trials_of(stage.play(), chance)[: trials - len(asked)]
        hits += sum(guess(best, each, chance) == each.writer for each in new)
        asked += new
    return Result(hits, len(asked), getattr(best, "__name__", type(best).__name__))


# Leaks to plant


@contextmanager
def _author_beside() -> Iterator[None]:
    """A history row says who wrote what."""
    from portal.kernel import clock
    from portal.kernel.models import StateChange
    from squads.retrospective_sessions import contributing

    write = contributing.write_card

    def leaky(session: Any, *, by: Any, text: str, **said: Any) -> str:
        StateChange.objects.create(
            kind="card", key=text[:200], from_state="", to_state="written", by=by, at=clock.now()
        )
        StateChange.objects.filter(kind="card", by=by).update(because=text)
        return write(session, by=by, text=text, **said)

    with mock.patch.object(contributing, "write_card", leaky):
        yield


@contextmanager
def _in_order(change: Callable[[list[Any]], None]) -> Iterator[None]:
    """Cards are kept in the order in which they were written, and revealed in one that follows from it."""
    from squads.retrospective_sessions import contributing

    class Kept(list[Any]):
        def sort(self, **_: Any) -> None:
            return None

    read = contributing.read

    def in_order(session: Any) -> Any:
        hidden = read(session)
        if hidden is not None:
            hidden.cards = Kept(hidden.cards)
        return hidden

    chance = mock.Mock(shuffle=change)
    with mock.patch.object(contributing, "read", in_order), mock.patch.object(contributing, "CHANCE", chance):
        yield


def _not_shuffled() -> Any:
    """Cards are revealed in the order in which they were written."""
    return _in_order(lambda cards: None)


def _reversed() -> Any:
    """The last card comes first."""
    return _in_order(lambda cards: cards.reverse())


def _rotated() -> Any:
    """The third card comes first."""
    return _in_order(lambda cards: cards.insert(0, cards.pop()) or cards.insert(0, cards.pop()))


@contextmanager
def _position() -> Iterator[None]:
    """Rows stand in any order, but the position of a card's group is its turn."""
    from squads.models import CardGroup, SessionCard

    def shuffled(rows: Any, **_: Any) -> None:
        rows = list(rows)
        random.shuffle(rows)
        for row in rows:
            row.save(force_insert=True)

    with (
        _not_shuffled(),
        mock.patch.object(CardGroup.objects, "bulk_create", shuffled),
        mock.patch.object(SessionCard.objects, "bulk_create", shuffled),
    ):
        yield


@contextmanager
def _pseudonym() -> Iterator[None]:
    """At the reveal, a row with the text of each card and a hash of its writer, the same in every session."""
    from portal.kernel import clock
    from portal.kernel.models import StateChange
    from squads.retrospective_sessions import actions, contributing

    write, reveal = contributing.write_card, contributing.reveal
    waiting: list[tuple[str, str]] = []

    def noted(session: Any, *, by: Any, text: str, **said: Any) -> str:
        waiting.append((f"p{by.pk * 7919 % 1009}", text))
        return write(session, by=by, text=text, **said)

    def leaky(held: Any, **said: Any) -> None:
        reveal(held, **said)
        random.shuffle(waiting)
        for name, text in waiting:
            StateChange.objects.create(
                kind="card", key=name, from_state="", to_state="shown", because=text, at=clock.now()
            )
        waiting.clear()

    with mock.patch.object(contributing, "write_card", noted), mock.patch.object(actions, "reveal", leaky):
        yield


@contextmanager
def _not_encrypted() -> Iterator[None]:
    """Hidden cards are kept as they are."""
    from squads.retrospective_sessions.models import SealedField

    with (
        mock.patch.object(SealedField, "get_prep_value", lambda self, value: value),
        mock.patch.object(SealedField, "from_db_value", lambda self, value, *_: value),
    ):
        yield


@contextmanager
def _not_padded() -> Iterator[None]:
    """The encrypted text is as long as what is in it."""
    from squads.retrospective_sessions import models

    with mock.patch.object(
        models.SealedField,
        "get_prep_value",
        lambda self, value: models.box().encrypt_at_time(value.encode(), 0).decode(),
    ):
        yield


@contextmanager
def _logged() -> Iterator[None]:
    """A line is logged with the length of a card."""
    from squads.retrospective_sessions import contributing

    write = contributing.write_card

    def leaky(session: Any, *, text: str, **said: Any) -> str:
        logging.getLogger("rodeo").info("POST /session/cards/ %s", len(text))
        return write(session, text=text, **said)

    with mock.patch.object(contributing, "write_card", leaky):
        yield


@contextmanager
def _told() -> Iterator[None]:
    """Open pages are told the text of a card with who wrote it."""
    from portal.kernel import live
    from squads.retrospective_sessions import contributing

    write = contributing.write_card

    def leaky(session: Any, *, by: Any, text: str, **said: Any) -> str:
        live.touch([1], card=text, by=by.username)
        return write(session, by=by, text=text, **said)

    with mock.patch.object(contributing, "write_card", leaky):
        yield


@contextmanager
def _kept_in_broker() -> Iterator[None]:
    """The broker counts what each person wrote, by length."""
    from django.conf import settings

    from portal.kernel.broker import client
    from squads.retrospective_sessions import contributing

    write = contributing.write_card

    def leaky(session: Any, *, by: Any, text: str, **said: Any) -> str:
        with client(settings.BROKER_URL) as connected:
            connected.set(f"attacked:{by.pk}", len(text), ex=60)
        return write(session, by=by, text=text, **said)

    with mock.patch.object(contributing, "write_card", leaky):
        yield


PLANTS: dict[str, Callable[[], Any]] = {
    "an author beside the card": _author_beside,
    "cards in the order they were written": _not_shuffled,
    "cards in the order they were written, backwards": _reversed,
    "cards in the order they were written, turned": _rotated,
    "positions in the order they were written": _position,
    "a pseudonym beside the card": _pseudonym,
    "hidden cards not encrypted": _not_encrypted,
    "hidden cards not padded": _not_padded,
    "lengths in the log": _logged,
    "author and text told to open pages": _told,
    "lengths kept by the broker": _kept_in_broker,
}


@contextmanager
def _broker() -> Iterator[str]:
    """The embedded broker, where the settings look for it; gives its address."""
    from django.conf import settings

    from portal.ops.broker import embedded
    from portal.settings.embedded import broker_socket

    socket = broker_socket(settings.STATE_DIR)
    process = subprocess.Popen(embedded(socket, settings.STATE_DIR / "broker"), stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            time.sleep(0.05)
        yield settings.BROKER_URL
    finally:
        process.kill()
        process.wait()


def main() -> int:
    """Attack a database of its own, with the machine's chance; then with each leak. Exits with 1 where it found one."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rodeo-attack-"))
        os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings.test"
        os.environ["RODEO_TEST_DATABASE"] = str(Path(folder) / "attacked.sqlite3")
        os.environ["RODEO_STATE_DIR"] = folder
        os.environ.pop("BROKER_URL", None)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import transaction

        from tests.squads.retrospective_sessions.wire import Wire

        print("Creating a database and a broker …", file=sys.stderr)
        call_command("migrate", verbosity=0)
        wire = stack.enter_context(closing(Wire(stack.enter_context(_broker()))))
        logging.getLogger().handlers[:] = []
        found: dict[str, Result] = {}
        for name, plant in {"as it is": None, **PLANTS}.items():
            with ExitStack() as leak:
                if plant is not None:
                    leak.enter_context(plant())
                with transaction.atomic():
                    found[name] = attack(trials if plant is None else 40, random.Random(), wire)
                    transaction.set_rollback(True)
            result = found[name]
            print(f"{name}: {result.hits} of {result.trials} right, by “{result.clue}”")
    clean = found["as it is"]
    # Two standard deviations around half: 86 to 114 of 200.
    margin = round(2 * (clean.trials / 4) ** 0.5)
    fine = abs(clean.hits - clean.trials / 2) <= margin
    print("Within chance." if fine else "Outside of what chance does in 19 of 20 runs. Run it again; twice is a leak.")
    return 0 if fine else 1


if __name__ == "__main__":
    raise SystemExit(main())
