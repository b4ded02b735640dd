"""Which sections of a retrospective take cards, and the phases of a session. Data, no database."""

from collections.abc import Mapping

# Written from what the session says, or filled by Rodeo: these take no cards. A squad's own sections all do.
WITHOUT_CARDS: Mapping[str, tuple[str, ...]] = {
    "incident": ("summary", "impact", "timeline", "actions"),
    "release": ("summary", "impact", "timeline", "actions"),
    "sprint": ("summary", "impact", "timeline", "actions"),
    "success": ("summary", "impact", "timeline", "actions"),
}
PHASES = ("reflect", "group", "vote", "discuss", "closed")
# Which phases each can be reached from: the one before it, and the one after it, but never back to hidden cards.
LEAVING: Mapping[str, tuple[str, ...]] = {
    "group": ("reflect", "vote"),
    "vote": ("group", "discuss"),
    "discuss": ("vote", "closed"),
    "closed": ("discuss",),
}
LONGEST_CARD, LONGEST_NAME = 1000, 120
MOST_CARDS = 500
# With fewer contributors, everybody knows who wrote what.
FEWEST = 3
