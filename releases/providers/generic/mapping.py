"""The mapping of any JSON: what it makes, and where each field of that is found. Written by people in the source's form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releases.providers import facts, parse
from releases.providers.base import NotAccepted, Setting
from releases.providers.generic.paths import BadPath, compiled
from releases.providers.tables import Meaning, StatusTable

RUN, DEPLOYMENT, ACCEPTANCE, CHANGE, INCIDENT = "run", "deployment", "acceptance", "change", "incident"
MAKES = (
    (RUN, "a CI run"),
    (DEPLOYMENT, "a deployment"),
    (ACCEPTANCE, "an acceptance run"),
    (CHANGE, "a change on the mainline"),
    (INCIDENT, "an incident"),
)
# The fields that each cannot do without.
NEEDS = {
    RUN: ("key", "status"),
    DEPLOYMENT: ("key", "status", "environment"),
    ACCEPTANCE: ("key", "status", "environment"),
    CHANGE: ("sha", "repository"),
    INCIDENT: ("key",),
}
# Any one of these says whose it is.
WHOSE = {RUN: ("service", "repository", "sha"), DEPLOYMENT: ("service", "repository")}
FIELDS = (
    ("key", "Identity", "What tells it from others of its sort, the same in every event about it."),
    ("at", "When it was so", "ISO 8601, or seconds or milliseconds since 1970. Left empty, when the event came."),
    ("status", "Status", "Of a run, a deployment, an acceptance run; of an incident, whether it is over (“success”)."),
    ("service", "Service", ""),
    ("repository", "Repository", "Its address or its name, such as shop/checkout."),
    ("environment", "Environment", ""),
    ("sha", "Commit", ""),
    ("version", "Version", "Of a deployment."),
    ("pipeline", "Pipeline", "Of a run."),
    ("branch", "Branch", "Of a run or a change."),
    ("story", "Story", "Of an acceptance run: a key such as PAY-12."),
    ("title", "Title", "Of an incident or an acceptance run; the first line of a change's message."),
    ("author", "Author", "Of a change, or who performed an acceptance run."),
    ("started_at", "Started", ""),
    ("finished_at", "Finished", ""),
    ("url", "Link", ""),
)
# What differs from event to event, so that it cannot be written as a text.
DIFFER = ("key", "at", "started_at", "finished_at")
CONSTANT = ", or a text that is always the same"
MEANINGS = {
    "queued": Meaning(facts.QUEUED),
    "waiting": Meaning(facts.WAITING),
    "running": Meaning(facts.RUNNING),
    "started": Meaning(facts.RUNNING),
    "in_progress": Meaning(facts.RUNNING),
    "pending": Meaning(facts.QUEUED),
    **{word: Meaning(facts.FINISHED, outcome) for word, outcome in parse.OUTCOMES.items()},
}
STATUSES = StatusTable("Words that are known without a line in the mapping", "status", MEANINGS)
OURS = (*(each for each in facts.PHASES if each != facts.FINISHED), *facts.OUTCOMES)
SETTINGS = (
    Setting(
        "makes",
        "What it makes",
        "So long as it is nothing, its events are kept and not read.",
        choices=(("", "nothing yet"), *MAKES),
    ),
    Setting(
        "condition",
        "Only if",
        "A path; events in which it leads to nothing, to false or to nothing but empty text "
        "are not read. Such as $.build or $[?@.type == 'deploy'].",
        placeholder="$.build",
    ),
    Setting(
        "words",
        "Words of its status",
        f"One a line, its word = ours: ok=success, broken=failure. Ours are {', '.join(OURS)}.",
        many=True,
        placeholder="ok=success",
    ),
    Setting(
        "namespace", "Name of the system", "Needed only where two sources count from 1: it keeps their events apart."
    ),
    *(
        Setting(name, label, f"{help_} A path such as $.build.{name}{'' if name in DIFFER else CONSTANT}.".strip())
        for name, label, help_ in FIELDS
    ),
)
NAMES = tuple(name for name, _, _ in FIELDS)


@dataclass(frozen=True, slots=True)
class MappingOf:
    """A source's mapping: what it makes, the places of its fields, the condition, and its words."""

    makes: str
    fields: Mapping[str, str]
    condition: str
    table: StatusTable


def mapping_in(config: Mapping[str, Any]) -> MappingOf | None:
    """Return the mapping of a source; None where there is none yet."""
    makes = parse.text_in(config, "makes")
    if makes not in NEEDS:
        return None
    fields = {name: text for name in NAMES if (text := parse.text_in(config, name))}
    own = dict(_pairs(config))
    return MappingOf(makes, fields, parse.text_in(config, "condition"), StatusTable("", "", {**MEANINGS, **own}))


def _pairs(config: Mapping[str, Any]) -> list[tuple[str, Meaning]]:
    found = []
    for line in parse.lines_in(config.get("words")):
        word, _, ours = (part.strip() for part in line.rpartition("="))
        meaning = Meaning(facts.FINISHED, ours) if ours in facts.OUTCOMES else Meaning(ours)
        if word and ours in OURS:
            found += [(word, meaning), (word.lower().replace("-", "_").replace(" ", "_"), meaning)]
    return found


def check(config: Mapping[str, Any]) -> None:
    """Raise NotAccepted that names the field of the mapping that cannot work."""
    for name in (*NAMES, "condition"):
        text = parse.text_in(config, name)
        if text.startswith("$"):
            try:
                compiled(text)
            except BadPath as error:
                raise NotAccepted(name, f"That path is not taken: {error}.") from None
        elif text and name == "condition":
            raise NotAccepted(name, "Write a path, such as $.build.")
        elif text and name in DIFFER:
            raise NotAccepted(name, "It differs from event to event: write a path, such as $.build.id.")
    for line in parse.lines_in(config.get("words")):
        word, _, ours = (part.strip() for part in line.rpartition("="))
        if not word or ours not in OURS:
            raise NotAccepted(
                "words", f"“{parse.cut(line, 80)}” is not taken. Write ok=success; ours are {', '.join(OURS)}."
            )
    _check_whole(config)


def _check_whole(config: Mapping[str, Any]) -> None:
    makes = parse.text_in(config, "makes")
    if not makes:
        return
    for name in NEEDS.get(makes, ()):
        if not parse.text_in(config, name):
            raise NotAccepted(name, f"{dict(MAKES)[makes].capitalize()} needs this: write a path such as $.{name}.")
    whose = WHOSE.get(makes, ())
    if whose and not any(parse.text_in(config, name) for name in whose):
        raise NotAccepted(whose[0], f"Say whose it is: fill in {' or '.join(whose)}.")
