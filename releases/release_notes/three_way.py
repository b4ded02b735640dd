"""Merging two changes of one text, line by line: what was generated before, what people made of it, what is generated now.

An entry is told by its name: "- PAY-12 …" is the same one when its words change, and wherever it stands. Pure: texts in, a
text and its differences out.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

ENTRY = re.compile(r"- (\S+)")
SECTION = re.compile(r"##+ ")


@dataclass(frozen=True, slots=True)
class Difference:
    """Lines that both changed: as they were generated before, as people have them (which stay), as they are generated now."""

    before: tuple[str, ...]
    edited: tuple[str, ...]
    generated: tuple[str, ...]


@dataclass(slots=True)
class Edits:
    """What became of the lines of a text: those that are others now or gone (empty), and what was added before each."""

    changed: dict[int, tuple[str, ...]] = field(default_factory=dict)
    added: dict[int, list[str]] = field(default_factory=dict)

    def add(self, place: int, lines: Sequence[str]) -> None:
        """Note lines that were added before a line, after what was noted already."""
        if lines:
            self.added.setdefault(place, []).extend(lines)


def merge(before: str, edited: str, generated: str) -> tuple[str, list[Difference]]:
    """Return the edited text with what generating anew changes in lines that nobody edited, and the lines both changed.

    Those stay as they were edited. An entry that came in has a line, whatever was edited around it.
    """
    base, mine, theirs = (text.splitlines() for text in (before, edited, generated))
    own, wanted = _edits(base, mine, by_name=False), _edits(base, theirs, by_name=True)
    differences = [*_leave_out_written(base, mine, wanted), *_carry_along(base, theirs, own, wanted)]
    for place, lines in sorted(wanted.changed.items()):
        if place in own.changed and own.changed[place] != lines:
            differences.append(Difference((base[place],), own.changed[place], lines))
    return _applied(base, own, wanted), differences


def _carry_along(base: Sequence[str], theirs: Sequence[str], own: Edits, wanted: Edits) -> list[Difference]:
    """Have entries that stand elsewhere now take along what people made of them; return where the words differ as well."""
    times = Counter(_entry(line) for line in base)
    now = Counter(_entry(line) for line in theirs)
    left = {
        name: place
        for place, lines in wanted.changed.items()
        if not lines and place in own.changed and (name := _entry(base[place])) and times[name] == now[name] == 1
    }
    differences = []
    for place, lines in wanted.added.items():
        kept: list[str] = []
        for line in lines:
            old = left.get(_entry(line))
            if old is None:
                kept.append(line)
                continue
            edited = own.changed[old]
            own.changed[old] = ()
            kept += edited
            if line not in (base[old], *edited):
                differences.append(Difference((base[old],), edited, (line,)))
        wanted.added[place] = kept
    return differences


def _leave_out_written(base: Sequence[str], mine: Sequence[str], wanted: Edits) -> list[Difference]:
    """Leave out entries that came in and that people have written themselves; return those with other words."""
    known = {_entry(line) for line in base}
    written = {name: line for line in mine if (name := _entry(line)) and name not in known}
    differences = []
    for place, lines in wanted.added.items():
        for line in lines:
            if written.get(_entry(line), line) != line:
                differences.append(Difference((), (written[_entry(line)],), (line,)))
        wanted.added[place] = [line for line in lines if _entry(line) not in written]
    return differences


def _applied(base: list[str], own: Edits, wanted: Edits) -> str:
    """Make all of these edits. At one place, what people added comes before what was generated; the same is there once."""
    made: list[str] = []
    for place in range(len(base) + 1):
        mine, theirs = own.added.get(place, []), wanted.added.get(place, [])
        made += [*mine, *(theirs if theirs != mine else [])]
        if place < len(base):
            made += own.changed.get(place, wanted.changed.get(place, (base[place],)))
    return "\n".join(made) + ("\n" if made else "")


def _edits(base: Sequence[str], other: Sequence[str], *, by_name: bool) -> Edits:
    """Return what became of a text. People write lines anew as they like; of what is generated, entries have their names.

    Between entries that are in both, whatever their words, it is compared line by line.
    """
    found, i, j = Edits(), 0, 0
    for place, there in [*_in_both(base, other), (len(base), len(other))]:
        for kind, i1, i2, j1, j2 in SequenceMatcher(None, base[i:place], other[j:there], autojunk=False).get_opcodes():
            if kind != "equal":
                _by_line(found, base, (i + i1, i + i2), other[j + j1 : j + j2], by_name)
        if place < len(base) and base[place] != other[there]:
            found.changed[place] = (other[there],)
        i, j = place + 1, there + 1
    return found


def _in_both(base: Sequence[str], other: Sequence[str]) -> list[tuple[int, int]]:
    """Return where entries that both texts have once stand in each, as far as they stand in one order."""
    names = [[_entry(line) for line in text] for text in (base, other)]
    once = [{name for name, count in Counter(each).items() if name and count == 1} for each in names]
    places = [[place for place, name in enumerate(each) if name in once[0] & once[1]] for each in names]
    before, after = ([each[place] for place in where] for each, where in zip(names, places, strict=True))
    found: list[tuple[int, int]] = []
    for i, j, size in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks():
        found += zip(places[0][i : i + size], places[1][j : j + size], strict=True)
    return found


def _by_line(found: Edits, base: Sequence[str], stretch: tuple[int, int], lines: Sequence[str], by_name: bool) -> None:
    """Note the edits of a stretch that was replaced, line by line: an entry with other words is that entry changed."""
    start, end = stretch
    before, after = [_name(line) for line in base[start:end]], [_name(line) for line in lines]
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        paired = min(i2 - i1, j2 - j1)
        for number in range(i2 - i1):
            place, line = start + i1 + number, lines[j1 + number] if number < paired else None
            if line is not None and kind == "replace" and by_name and (_is_named(line) or _is_named(base[place])):
                # Another entry is no other wording of this one.
                found.add(place + 1, [line])
                line = None
            if line != base[place]:
                found.changed[place] = () if line is None else (line,)
        found.add(start + i2, lines[j1 + paired : j2])


def _entry(line: str) -> str:
    match = ENTRY.match(line)
    return match[1] if match else ""


def _name(line: str) -> str:
    return _entry(line) or line


def _is_named(line: str) -> bool:
    return bool(_entry(line) or SECTION.match(line))
