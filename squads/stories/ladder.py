"""The ladder glyph: five rungs, drawn from the bottom (dev done) to the top (rodeo done).

A rung is drawn solid when evidence holds it, half when a person supplied it by hand, hollow when it is missing and
struck when it was withdrawn. Shape alone says it all; colour only repeats it.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.utils.safestring import SafeString, mark_safe

NAMES = {
    "dev_done": "dev done",
    "integrated": "integrated",
    "tested": "tested",
    "deployed": "deployed",
    "rodeo_done": "rodeo done",
}
SAID = {"held": "reached", "by_hand": "by hand", "missing": "missing", "withdrawn": "withdrawn"}
LEFT, RIGHT, STEP, FOOT = 2, 18, 7, 31


def states_of(standing: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the states of the five rungs, dev done first; a story never judged yet has all of them missing."""
    known = {rung["rung"]: rung["state"] for rung in (standing or {}).get("rungs", ())}
    return tuple(known.get(name, "missing") for name in NAMES)


def words(states: Iterable[str]) -> str:
    """Say a ladder in words: "dev done held, integrated by hand, tested missing, …"."""
    return ", ".join(f"{name} {SAID[state]}" for name, state in zip(NAMES.values(), states, strict=True))


@lru_cache(maxsize=2048)
def drawn(states: tuple[str, ...]) -> SafeString:
    """Draw the glyph as inline SVG with its words as title."""
    marks = dict.fromkeys(SAID, "")
    for index, state in enumerate(states):
        marks[state] += _rung(FOOT - index * STEP, state)
    paths = "".join(f'<path class="ladder__{state}" d="{path}"/>' for state, path in marks.items() if path)
    half = "".join(
        f"M{(LEFT + RIGHT) // 2} {FOOT - index * STEP}H{RIGHT}"
        for index, state in enumerate(states)
        if state == "by_hand"
    )
    if half:
        paths += f'<path class="ladder__missing" d="{half}"/>'
    return mark_safe(  # noqa: S308 - made from constants only
        f'<svg class="ladder" viewBox="0 0 20 34" role="img"><title>Ladder: {words(states)}</title>'
        f'<path class="ladder__rails" d="M{LEFT} 0V34M{RIGHT} 0V34"/>{paths}</svg>'
    )


def _rung(y: int, state: str) -> str:
    middle = (LEFT + RIGHT) // 2
    if state == "by_hand":
        return f"M{LEFT} {y}H{middle}"
    if state == "withdrawn":
        return f"M{LEFT} {y}H{RIGHT}M{middle - 4} {y + 3}L{middle + 4} {y - 3}"
    return f"M{LEFT} {y}H{RIGHT}"


def glyph(standing: Mapping[str, Any] | None) -> SafeString:
    """Draw the glyph of a story's standing."""
    return drawn(states_of(standing))
