"""The honest answer in a few words, for a card: what the story waits for, and since when."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from portal.kernel import clock
from squads.judge.answer import NEVER_JUDGED
from squads.judge.stages import BY_HAND, RUNGS, STAGE_NAMES, STAGES, WITHDRAWN

# What a missing stage waits for, by words of its reason; the first that fits counts. {} is the service, where one is known.
WAITS = {
    "integrated": (
        ("no change is linked", "No linked change"),
        (" is lost: ", "Its commit is lost"),
        ("reverted by ", "Reverted{of}"),
        ("is not on the mainline", "Waits for merge{of}"),
        ("failed", "CI{of} failed"),
        ("ended in an error", "CI{of} failed"),
        ("ended with warnings", "CI{of} has warnings"),
        ("was cancelled", "CI{of} was cancelled"),
        ("", "Waits for CI{of}"),
    ),
    "tested": ((" failed in ", "Test{of} failed"), ("", "Waits for a test{of}")),
    "deployed": (("", "Waits for deployment{of}"),),
    "rodeo_done": (
        (" failed in ", "Check in production failed"),
        ("dark: ", "Dark, waits for its flag"),
        ("not accepted again", "Waits for acceptance again"),
        ("", "Waits for acceptance"),
    ),
}
# How long, in the largest of these units; days from two on.
UNITS = ((timedelta(days=2), timedelta(days=1), "d"), (timedelta(hours=1), timedelta(hours=1), "h"))


def say_briefly(standing: Mapping[str, Any], *, at: datetime | None = None) -> str:
    """Return what `say` says in a few words: "Waits for CI of checkout, 20 h". `at` is the moment to count from."""
    if not standing.get("answer"):
        return str(NEVER_JUDGED[0])[len("No. ") :].rstrip(".")
    stage, rungs = standing["stage"], {each["rung"]: each for each in standing["rungs"]}
    if stage == "rodeo_done":
        hand = " by hand" if rungs[stage]["state"] == BY_HAND else ""
        return _since(f"Accepted{hand}", rungs[stage]["at"], at)
    above = [rungs[name] for name in RUNGS if STAGES.index(name) > STAGES.index(stage)]
    for each in above:
        if each["state"] == WITHDRAWN:
            return _since(f"No longer {STAGE_NAMES[each['rung']]}", each["at"], at)
    if stage in ("todo", "in_progress"):
        # People said nothing yet: where there is work to be seen, what that waits for is said.
        above = above[1:]
        if "no change is linked" in above[0]["why"]:
            return "Not started" if stage == "todo" else _since("In progress", rungs["dev_done"]["at"], at)
    missing = above[0]
    waits = next(words for sign, words in WAITS[missing["rung"]] if sign in missing["why"])
    service = next((part["owner"] for part in standing["answer"] if isinstance(part, dict) and part.get("owner")), "")
    return _since(waits.format(of=f" of {service}" if service else ""), missing["at"], at)


def _since(words: str, moment: str | None, at: datetime | None) -> str:
    """Add how long ago a moment was, if that is a minute or more."""
    since = clock.parse(moment)
    if since is None or (gap := (at or clock.now()) - since) < timedelta(minutes=1):
        return words
    for least, unit, name in UNITS:
        if gap >= least:
            return f"{words}, {gap // unit} {name}"
    return f"{words}, {gap // timedelta(minutes=1)} min"
