"""Which section of a retrospective a heading means, in the words that postmortems use."""

import re

ROLES = (
    "summary",
    "impact",
    "timeline",
    "contributing factors",
    "what went well",
    "where we were lucky",
    "what surprised us",
    "learnings",
    "actions",
)

# The first pattern that matches the whole heading decides. A heading about two things is a section of its own.
PATTERNS: tuple[tuple[str, str], ...] = (
    (
        "timeline",
        r"(?:(?:the|full|detailed|incident|event|brief|high[- ]level|response) )*"
        r"(?:time ?-?lines?|chronology|sequence of events|event log|incident log|order of events|key events|history of events)"
        r"(?: (?:of|for) .{0,40})?",
    ),
    (
        "summary",
        r"(?:(?:the|executive|incident|outage|event|issue|problem|management|short|brief|high[- ]level) )*"
        r"(?:summary|overview|synopsis|abstract|tl[;,]? ?dr|in short|in brief|at a glance)(?: of .{0,40})?",
    ),
    ("summary", r"what happened"),
    (
        "impact",
        r"(?:(?:the|user|users?|customers?|business|service|incident|client|production|external|internal) )*"
        r"(?:impacts?|effects?|consequences|damage|blast radius)"
        r"(?: assessment| analysis| and scope| on (?:users|customers|clients|services))?",
    ),
    ("impact", r"(?:who|what) was (?:affected|impacted)"),
    ("impact", r"how (?:were|was) (?:users|customers|we) (?:affected|impacted)"),
    (
        "contributing factors",
        r"(?:the )?(?:possible |likely |probable )?"
        r"(?:contributing (?:factors?|causes?|conditions?)|root[- ]causes?|causes?|underlying causes?|contributors|"
        r"causal factors|why (?:did )?(?:it|this|that) happen(?:ed)?|what caused (?:it|this|the \w+))"
        r"(?: analysis| and trigger| findings)?",
    ),
    ("contributing factors", r"(?:the )?(?:five|5) whys"),
    (
        "what went well",
        r"(?:what|things)(?: that)? (?:went|worked|has worked|had worked|did we do) (?:well|right|good|great)|what worked|"
        r"went well|the good|what helped(?: us)?",
    ),
    (
        "where we were lucky",
        r"(?:where|how|when) (?:we|did we) (?:got|get|were) lucky|(?:we )?got lucky|lucky breaks|luck|what (?:was|were) lucky",
    ),
    (
        "what surprised us",
        r"(?:what|things that) surprised us|surprises|what (?:was|is|were) (?:surprising|unexpected)",
    ),
    (
        "learnings",
        r"(?:(?:the|key|main|our) )*"
        r"(?:less?ons?(?:[ -](?:learne?d|learnt|to learn|learning))?|learnings?|take ?-?aways|insights)|"
        r"what (?:we|did we) (?:have )?learn(?:ed|t)?(?: from .{0,40})?",
    ),
    (
        "actions",
        r"(?:(?:the|follow[- ]?up|corrective|preventive|preventative|remedial|remediation|review|recommended|next|further|"
        r"planned|immediate|long[- ]term|short[- ]term|incident) )*"
        r"(?:actions?(?:[ -](?:items?|points?|plan|steps))?|todos?|to[- ]dos?|follow[- ]?ups?(?: items| tasks| work)?|"
        r"next steps|measures|remediations?|preventions?|remediation items|"
        r"corrective and prevent(?:at)?ive (?:actions|measures)|prevention (?:measures|steps))(?: taken)?",
    ),
    ("actions", r"what (?:will|are|do) we (?:going to )?(?:do|change|doing)(?: next| about it| differently)?"),
    ("actions", r"(?:what|how) (?:we are|we're|are we) (?:doing|preventing).{0,40}"),
)
COMPILED = tuple((role, re.compile(pattern, re.IGNORECASE)) for role, pattern in PATTERNS)
MARKUP = re.compile(r"[*_`~]+")
# "3. Timeline", "2) Impact", a symbol before the words, "(UTC)" or "(findings)" after them, a colon at the end.
NUMBER = re.compile(r"^(?:\d{1,2}(?:\.\d{1,2})*[.):]?|[ivx]{1,4}[.)]|[a-h][.)])\s+", re.IGNORECASE)
BRACKET = re.compile(r"\s*[(\[][^()\[\]]{0,60}[)\]]\s*")


def plain(heading: str) -> str:
    """The bare words of a heading."""
    text = BRACKET.sub(" ", MARKUP.sub("", heading.replace("’", "'"))).strip()
    while text and not text[0].isalnum():
        text = text[1:]
    text = NUMBER.sub("", text)
    return re.sub(r"\s+", " ", text).strip(" \t:?!.-–—")


def role_of(heading: str) -> str:
    """The section of ours that a heading means, "" if none."""
    if len(heading) > 120:
        return ""
    text = plain(heading)
    return next((role for role, pattern in COMPILED if pattern.fullmatch(text)), "")
