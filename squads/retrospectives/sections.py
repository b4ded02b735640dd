"""The four kinds of retrospectives, and the sections each begins with. Data: a squad can have its own (RetrospectiveTemplate).

A section is a key, a title and a hint. The key stays when a squad calls it otherwise; imports and exports go by it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

KINDS = {
    "incident": "incident review",
    "release": "release retrospective",
    "sprint": "sprint retrospective",
    "success": "success review",
}
LONGEST_KEY, LONGEST_TITLE, LONGEST_HINT, MOST = 40, 120, 300, 30


class SectionPlan(NamedTuple):
    """A section before anybody wrote it: its key, its title, and what to write there."""

    key: str
    title: str
    hint: str


SUMMARY = SectionPlan(
    "summary", "Summary", "What happened, in a paragraph that somebody outside the squad understands."
)
IMPACT = SectionPlan("impact", "Impact", "Who noticed what, and for how long. Numbers if there are any.")
TIMELINE = SectionPlan("timeline", "Timeline", "What the timeline below doesn’t show.")
FACTORS = SectionPlan(
    "factors",
    "Contributing factors",
    "Several things came together. How did each make sense at the time? There’s no single root cause.",
)
WENT_WELL = SectionPlan("went_well", "What went well", "What helped, and what you’d do the same way again.")
LUCKY = SectionPlan("lucky", "Where we were lucky", "What could have made it worse and didn’t.")
SURPRISED = SectionPlan("surprised", "What surprised us", "What worked differently from what people expected.")
LEARNINGS = SectionPlan("learnings", "Learnings", "What you know now that others can use.")
ACTIONS = SectionPlan("actions", "Actions", "Why these one to three actions, and what you decided against.")

PLANS: Mapping[str, tuple[SectionPlan, ...]] = {
    "incident": (SUMMARY, IMPACT, TIMELINE, FACTORS, WENT_WELL, LUCKY, SURPRISED, LEARNINGS, ACTIONS),
    "release": (
        SUMMARY._replace(hint="What went out, and how it went, in a paragraph."),
        IMPACT._replace(title="What changed for people", hint="What people can do now, and what they noticed."),
        TIMELINE,
        FACTORS._replace(hint="What made it easier or harder than expected? Several things, not one."),
        WENT_WELL,
        SURPRISED,
        LEARNINGS,
        ACTIONS,
    ),
    "sprint": (
        SUMMARY._replace(hint="What these weeks were about, in a paragraph."),
        WENT_WELL,
        FACTORS._replace(title="What made it harder", hint="What got in the way, and how did it come about?"),
        SURPRISED,
        LEARNINGS,
        ACTIONS,
    ),
    "success": (
        SUMMARY._replace(hint="What worked, in a paragraph that makes others curious."),
        IMPACT._replace(hint="What it changed, and for whom."),
        TIMELINE,
        FACTORS._replace(title="What made it possible", hint="Several things came together. Which?"),
        LUCKY,
        SURPRISED,
        LEARNINGS,
        ACTIONS._replace(hint="What to keep doing, and where else it could work."),
    ),
}


def plans_from(rows: Iterable[Mapping[str, Any]]) -> list[SectionPlan]:
    """Return sections as a squad's template keeps them."""
    return [SectionPlan(str(row["key"]), str(row["title"]), str(row.get("hint", ""))) for row in rows]
