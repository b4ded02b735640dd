"""Reports of scripts through /api/v1/: deployments, runs, acceptance runs and flag states, as JSON or as JUnit XML.

The API (releases/reports/api.py) checks fields while the sender waits and stores the report unchanged. It adds headers with
what the sender could not know: `source` and `delivery` make keys, `received-at` replaces a missing time, `query` holds the
parameters of a JUnit upload.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from releases.providers import facts, parse, triggers, zones
from releases.providers.base import Labelled, Message, MessageRefused, Provider
from releases.providers.facts import (
    AcceptanceSeen,
    ArtifactSeen,
    DeploymentSeen,
    FlagSeen,
    RunSeen,
    Seen,
    SeenInPart,
    Unreadable,
)
from releases.providers.payloads import as_object, read_json
from releases.providers.report.junit import Case, read_cases
from releases.providers.story_keys import keys_told
from releases.providers.web_urls import link

DEPLOYMENT, RUN, ACCEPTANCE, FLAG, JUNIT = "deployment", "run", "acceptance-run", "flag-state", "junit"
MOST_STORIES = 500
KINDS = (DEPLOYMENT, RUN, ACCEPTANCE, FLAG, JUNIT)


def label(message: Message) -> Labelled:
    """Raise MessageRefused: reports have endpoints of their own, which check every field."""
    raise MessageRefused(
        404,
        "This source takes reports at /api/v1/deployments/, /api/v1/runs/, /api/v1/acceptance-runs/ and "
        "/api/v1/flag-states/, with its token as Authorization: Bearer.",
    )


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the facts of a stored report; None for other kinds."""
    if kind == JUNIT:
        return _junit(message, config)
    translator = TRANSLATORS.get(kind)
    if translator is None:
        return None
    return translator(_Report(as_object(read_json(message), "the report"), message.headers, config))


class _Report:
    """One report and the headers that the API added to it."""

    def __init__(self, payload: Mapping[str, Any], headers: Mapping[str, str], config: Mapping[str, Any]) -> None:
        self.payload, self.config = payload, config
        self.source = headers.get("source", "")
        self.delivery = headers.get("delivery", "")
        received = parse.moment(headers.get("received-at", ""))
        self.received = received or datetime(1970, 1, 1, tzinfo=UTC)

    def text(self, *names: str) -> str:
        return parse.text_in(self.payload, *names)

    def moment(self, name: str) -> datetime | None:
        text = self.text(name)
        parsed = zones.moment(text, name, self.config)
        if text and parsed is None:
            raise Unreadable(f"{name} isn’t a time such as 2026-01-31T12:00:00Z: {parse.cut(text, 60)}")
        return parsed

    def sha(self) -> str:
        text = self.text("commit")
        parsed = parse.sha(text)
        if text and not parsed:
            raise Unreadable(f"commit is not 7 to 64 hexadecimal digits: {parse.cut(text, 60)}")
        return parsed

    def key(self, *within: str) -> str:
        """Return the key: with an `id`, that of the sender's own object; without one, a key of this report alone."""
        id_ = self.text("id")
        return parse.key_of(self.source, *within, id_) if id_ else parse.key_of(self.source, self.delivery, *within)

    def phase(self) -> str:
        phase = self.text("phase") or facts.FINISHED
        if phase not in facts.PHASES:
            raise Unreadable(f"phase is none of {', '.join(facts.PHASES)}: {parse.cut(phase, 60)}")
        return phase

    def outcome(self, phase: str, default: str) -> str:
        return (parse.outcome(self.text("outcome")) or default) if phase == facts.FINISHED else ""

    def times(self, phase: str) -> tuple[datetime, datetime | None, datetime | None]:
        """Return the fact's time, `started_at` and `finished_at`; the time of receipt replaces the one its phase needs."""
        started, finished = self.moment("started_at"), self.moment("finished_at")
        if phase == facts.FINISHED:
            finished = finished or self.received
            return finished, started, finished
        if phase == facts.RUNNING:
            started = started or self.received
            return started, started, None
        return started or self.received, started, None

    def url(self) -> str:
        return link(self.text("url"))

    def purl(self) -> str:
        return parse.purl(self.text("artifact"), "artifact")


def _deployment(report: _Report) -> list[Seen]:
    service = parse.required_name(report.text("service"), "service")
    environment = parse.required_name(report.text("environment"), "environment")
    phase = report.phase()
    at, started, finished = report.times(phase)
    healthy = report.payload.get("healthy")
    if healthy is not None and not isinstance(healthy, bool):
        raise Unreadable("healthy is neither true nor false")
    kind = report.text("kind") or "deploy"
    if kind not in ("deploy", "rollback", "removal"):
        raise Unreadable(f"kind is none of deploy, rollback, removal: {parse.cut(kind, 60)}")
    return [
        DeploymentSeen(
            key=report.key(service, environment),
            at=at,
            service=service,
            environment=environment,
            deployment=kind,
            phase=phase,
            outcome=report.outcome(phase, facts.SUCCESS),
            healthy=healthy,
            raw_status=parse.cut(report.text("outcome"), 250),
            artifact=report.purl(),
            sha=report.sha(),
            version=parse.cut(report.text("version"), 200),
            started_at=started,
            finished_at=finished,
            url=report.url(),
        )
    ]


def _run(report: _Report) -> list[Seen]:
    phase = report.phase()
    at, started, finished = report.times(phase)
    service, repository = parse.cut(report.text("service"), 120), parse.repository(report.text("repository"))
    sha, artifact, pipeline = report.sha(), report.purl(), parse.cut(report.text("pipeline"), 250)
    run = RunSeen(
        key=report.key(repository or service, pipeline),
        at=at,
        phase=phase,
        outcome=report.outcome(phase, facts.UNKNOWN),
        raw_status=parse.cut(report.text("outcome"), 250),
        service=service,
        repository=repository,
        pipeline=pipeline,
        sha=sha,
        branch=parse.cut(report.text("branch"), 250),
        trigger=triggers.trigger_of(report.text("trigger")),
        artifact=artifact,
        started_at=started,
        finished_at=finished,
        url=report.url(),
    )
    if artifact and sha:
        return [run, ArtifactSeen(key=artifact, at=at, sha=sha, repository=repository)]
    return [run]


def stories_in(payload: Mapping[str, Any]) -> list[str]:
    """Return the story keys in the fields `story` and `stories` of a report, each once."""
    texts = [text for name in ("story", "stories") for text in parse.texts_in(payload.get(name))]
    return list(dict.fromkeys(key for text in texts for key in keys_told(text)))


def _acceptance(report: _Report) -> list[Seen]:
    environment = parse.required_name(report.text("environment"), "environment")
    at, started, finished = report.times(facts.FINISHED)
    outcome = report.outcome(facts.FINISHED, facts.UNKNOWN)
    return [
        AcceptanceSeen(
            key=report.key(environment, story),
            at=at,
            environment=environment,
            phase=facts.FINISHED,
            outcome=outcome,
            name=parse.cut(report.text("name"), 300),
            raw_status=parse.cut(report.text("outcome"), 250),
            story=story,
            service=parse.cut(report.text("service"), 120),
            artifact=report.purl(),
            sha=report.sha(),
            release=parse.cut(report.text("release"), 200),
            started_at=started,
            finished_at=finished,
            performed_by=parse.cut(report.text("by"), 200),
            url=report.url(),
        )
        for story in stories_in(report.payload) or [""]
    ]


def _flag(report: _Report) -> list[Seen]:
    on = report.payload.get("on")
    if not isinstance(on, bool):
        raise Unreadable("on is neither true nor false")
    return [
        FlagSeen(
            key=parse.required_name(report.text("flag"), "flag"),
            at=report.moment("at") or report.received,
            environment=parse.required_name(report.text("environment"), "environment"),
            on=on,
            audience=parse.cut(report.text("audience"), 60) or "everyone",
        )
    ]


def _junit(message: Message, config: Mapping[str, Any]) -> list[Seen]:
    query = dict(parse_qsl(message.headers.get("query", "")))
    report = _Report(query, message.headers, config)
    environment = parse.required_name(report.text("environment"), "environment")
    zone = {"zone": query["zone"]} if query.get("zone") else {}
    cases = read_cases(message.body, {**config, **zone}, keys_in_names=report.text("keys_in_names") == "true")
    stories: dict[str, list[Case]] = {}
    for case in cases:
        for story in case.stories:
            stories.setdefault(story, []).append(case)
    if len(stories) > MOST_STORIES:
        raise Unreadable(f"the file names {len(stories):,} stories, over {MOST_STORIES}; send it in parts")
    if not stories:
        stories[""] = cases
    found = [_acceptance_of(report, environment, story, of_story) for story, of_story in stories.items()]
    unread = next((case.unread for case in cases if case.unread), "")
    if unread:
        return SeenInPart(
            found,
            f"timestamp: “{parse.cut(unread, 60)}” isn’t a time such as 2026-01-31T12:00:00Z, so its arrival counts as its end.",
        )
    timed = any(case.finished_at for case in cases)
    return found if timed else SeenInPart(found, "The file has no times, so its arrival counts as its end.")


def _acceptance_of(report: _Report, environment: str, story: str, cases: list[Case]) -> Seen:
    counts = dict.fromkeys((facts.SUCCESS, facts.FAILURE, facts.SKIPPED), 0)
    for case in cases:
        counts[case.outcome] += 1
    if counts[facts.FAILURE]:
        outcome = facts.FAILURE
    elif counts[facts.SUCCESS] == len(cases):
        outcome = facts.SUCCESS
    else:
        outcome = facts.SKIPPED if counts[facts.SKIPPED] == len(cases) else facts.WARNING
    finished = max((case.finished_at for case in cases if case.finished_at), default=None) or report.received
    started = min((case.started_at for case in cases if case.started_at), default=None)
    # Without times in the file, it finished when it was received and started earlier by the duration of its test cases.
    started = started or finished - sum((case.took for case in cases), start=finished - finished)
    named_counts = [*zip(counts.values(), ("passed", "failed", "skipped"), strict=True)]
    named_counts.append((sum(case.flaky for case in cases), "of them only when run again"))
    return AcceptanceSeen(
        key=report.key(environment, story),
        at=finished,
        environment=environment,
        phase=facts.FINISHED,
        outcome=outcome,
        name=parse.cut(report.text("name") or cases[0].suite or "JUnit", 300),
        story=story,
        raw_status=", ".join(f"{count} {name}" for count, name in named_counts if count),
        service=parse.cut(report.text("service"), 120),
        artifact=report.purl(),
        sha=report.sha(),
        release=parse.cut(report.text("release"), 200),
        started_at=started,
        finished_at=finished,
        performed_by=parse.cut(report.text("by"), 200),
        url=report.url(),
    )


TRANSLATORS: dict[str, Callable[[_Report], list[Seen]]] = {
    DEPLOYMENT: _deployment,
    RUN: _run,
    ACCEPTANCE: _acceptance,
    FLAG: _flag,
}
PROVIDER = Provider(
    kind="report",
    name="Scripts",
    pushes=True,
    pulls=False,
    label=label,
    translate=translate,
    settings=(zones.ZONE,),
    tables=(parse.outcome_table("outcome", closed=True),),
)
