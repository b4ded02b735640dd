"""The field mapping of a generic source: which fact its events become, and the path of each field. Set in its form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releases.providers import facts, parse
from releases.providers.base import InvalidSetting, Setting
from releases.providers.generic.field_places import condition_in, places_in
from releases.providers.generic.json_paths import BadPath
from releases.providers.status_tables import Meaning, StatusTable
from releases.providers.zones import ZONE

RUN, DEPLOYMENT, ACCEPTANCE, CHANGE, INCIDENT = "run", "deployment", "acceptance", "change", "incident"
MAKES = (
    (RUN, "a CI run"),
    (DEPLOYMENT, "a deployment"),
    (ACCEPTANCE, "an acceptance run"),
    (CHANGE, "a change on the mainline"),
    (INCIDENT, "an incident"),
)
# The fields that each kind of fact must have.
REQUIRED_FIELDS = {
    RUN: ("key", "status"),
    DEPLOYMENT: ("key", "status", "environment"),
    ACCEPTANCE: ("key", "status", "environment"),
    CHANGE: ("sha", "repository"),
    INCIDENT: ("key",),
}
# Of these, at least one is required: it tells the service.
ONE_REQUIRED = {RUN: ("service", "repository", "sha"), DEPLOYMENT: ("service", "repository")}
FIELDS = (
    ("key", "Identity", "A unique id, the same in every event about it."),
    (
        "at",
        "Time",
        "ISO 8601, or seconds or milliseconds since 1970. Leave empty to use its finish, its start, or the event’s arrival.",
    ),
    ("status", "Status", "For runs, deployments and acceptance runs; for incidents, whether it’s over (“success”)."),
    ("service", "Service", ""),
    ("repository", "Repository", "Its address or name, such as shop/checkout."),
    ("environment", "Environment", ""),
    ("sha", "Commit", "Its sha, or an address ending in it."),
    ("version", "Version", "For deployments."),
    ("pipeline", "Pipeline", "For runs."),
    ("branch", "Branch", "For runs and changes."),
    ("trigger", "Trigger", "What started a run: push, merge_queue, tag, schedule, pull_request, manual, api, bot."),
    ("story", "Story", "For acceptance runs: a key such as PAY-12."),
    ("title", "Title", "For incidents and acceptance runs; the first line of a change’s message."),
    ("author", "Author", "For changes, or who performed an acceptance run."),
    (
        "maintenance",
        "Maintenance",
        "For incidents: true, yes, 1 or “maintenance” where it’s planned work; false, no or 0 where not.",
    ),
    ("started_at", "Started", ""),
    ("finished_at", "Finished", ""),
    ("url", "Link", ""),
)
# These differ from event to event, so they must be paths and not constants.
PATH_ONLY = ("key", "at", "started_at", "finished_at")
CONSTANT_HINT = ", or a fixed text"
WRITING = (
    "Several paths: $.commit or $.revision; the first that finds something counts. A part of a text: $.image after : "
    "takes what follows its last : (or / or @)."
)
MEANINGS = {
    "queued": Meaning(facts.QUEUED),
    "waiting": Meaning(facts.WAITING),
    "running": Meaning(facts.RUNNING),
    "started": Meaning(facts.RUNNING),
    "in_progress": Meaning(facts.RUNNING),
    "pending": Meaning(facts.QUEUED),
    **{raw_status: Meaning(facts.FINISHED, outcome) for raw_status, outcome in parse.OUTCOMES.items()},
}
KNOWN_STATUSES = StatusTable("Words known without a status mapping", "status", MEANINGS)
OUR_STATUSES = (*(each for each in facts.PHASES if each != facts.FINISHED), *facts.OUTCOMES)
SETTINGS = (
    Setting(
        "makes",
        "Creates",
        "While nothing is chosen, events are only stored.",
        choices=(("", "nothing yet"), *MAKES),
    ),
    Setting(
        "condition",
        "Only if",
        "A path, such as $.build: events where it’s missing, false or empty are ignored. "
        "Or a comparison: $.type == 'deploy', $.type != 'test'; of a list $[?@.type == 'deploy'].",
        placeholder="$.type == 'deploy'",
    ),
    Setting(
        "words",
        "Status mapping",
        f"One per line: ok=success, broken=failure. Rodeo’s words are {', '.join(OUR_STATUSES)}.",
        many=True,
        placeholder="ok=success",
    ),
    Setting(
        "namespace",
        "Name of the system",
        "Use the same name for sources that are one system, so that their ids match.",
    ),
    *(
        Setting(
            name,
            label,
            f"{help_} A path such as $.build.{name}{'' if name in PATH_ONLY else CONSTANT_HINT}. "
            f"{WRITING if name == 'key' else ''}".strip(),
        )
        for name, label, help_ in FIELDS
    ),
    ZONE,
)
NAMES = tuple(name for name, _, _ in FIELDS)


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """A source's field mapping: the fact it makes, the path or constant of each field, the condition, its status table."""

    makes: str
    fields: Mapping[str, str]
    condition: str
    table: StatusTable


def mapping_of(config: Mapping[str, Any]) -> FieldMapping | None:
    """Return the field mapping of a source; None where there is none yet."""
    makes = parse.text_in(config, "makes")
    if makes not in REQUIRED_FIELDS:
        return None
    fields = {name: text for name in NAMES if (text := parse.text_in(config, name))}
    own = dict(_own_meanings(config))
    return FieldMapping(makes, fields, parse.text_in(config, "condition"), StatusTable("", "", {**MEANINGS, **own}))


def _own_meanings(config: Mapping[str, Any]) -> list[tuple[str, Meaning]]:
    found = []
    for line in parse.lines_in(config.get("words")):
        raw_status, _, our_status = (part.strip() for part in line.rpartition("="))
        meaning = Meaning(facts.FINISHED, our_status) if our_status in facts.OUTCOMES else Meaning(our_status)
        if raw_status and our_status in OUR_STATUSES:
            found += [(raw_status, meaning), (raw_status.lower().replace("-", "_").replace(" ", "_"), meaning)]
    return found


def check(config: Mapping[str, Any]) -> None:
    """Raise InvalidSetting naming the first field of the mapping that cannot work."""
    for name in (*NAMES, "condition"):
        text = parse.text_in(config, name)
        if text:
            _check_field(name, text)
    for line in parse.lines_in(config.get("words")):
        raw_status, _, our_status = (part.strip() for part in line.rpartition("="))
        if not raw_status or our_status not in OUR_STATUSES:
            raise InvalidSetting(
                "words",
                f"“{parse.cut(line, 80)}” isn’t a status mapping. Write ok=success. "
                f"Rodeo’s words are {', '.join(OUR_STATUSES)}.",
            )
    _check_whole(config)


def _check_field(name: str, text: str) -> None:
    if name == "condition" and not text.startswith("$"):
        raise InvalidSetting(name, "Enter a path, such as $.build, or a comparison, such as $.type == 'deploy'.")
    try:
        constants = [] if name == "condition" and condition_in(text) else places_in(text)
    except BadPath as error:
        raise InvalidSetting(name, f"This path isn’t supported: {error}.") from None
    if name in PATH_ONLY and any(not place.path for place in constants):
        raise InvalidSetting(name, "Enter a path, such as $.build.id.")


def _check_whole(config: Mapping[str, Any]) -> None:
    makes = parse.text_in(config, "makes")
    if not makes:
        return
    for name in REQUIRED_FIELDS.get(makes, ()):
        if not parse.text_in(config, name):
            raise InvalidSetting(name, f"{dict(MAKES)[makes].capitalize()} needs this: write a path such as $.{name}.")
    alternatives = ONE_REQUIRED.get(makes, ())
    if alternatives and not any(parse.text_in(config, name) for name in alternatives):
        raise InvalidSetting(alternatives[0], f"Fill in {' or '.join(alternatives)}.")
