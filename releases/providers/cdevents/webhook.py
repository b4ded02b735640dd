"""CDEvents 0.1 to 0.5, in CloudEvents 1.0 or bare. docs/providers/cdevents.md lists the facts of each type."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from releases.providers import facts, parse, triggers
from releases.providers.base import Labelled, Message, Provider
from releases.providers.bots import BOT
from releases.providers.cdevents.event import Event, attributes_of, data_of, read_event
from releases.providers.facts import (
    AcceptanceSeen,
    ArtifactSeen,
    ChangeMerged,
    DeploymentSeen,
    EnvironmentSeen,
    IncidentSeen,
    MakesNothing,
    RunSeen,
    Seen,
    Unreadable,
)
from releases.providers.payloads import NotJson, parse_json
from releases.providers.story_keys import keys_in, keys_told
from releases.providers.web_urls import link
from releases.providers.zones import ZONE

LONGEST_DELIVERY = 300
PHASES = {"queued": facts.QUEUED, "started": facts.RUNNING, "finished": facts.FINISHED}
DEPLOYMENTS = {"deployed": "deploy", "upgraded": "deploy", "rolledback": "rollback", "removed": "removal"}
COMMIT_FIELDS = ("commit", "sha", "revision", "commitSha", "commit_sha")


def label(message: Message) -> Labelled:
    """Label a message with source, id and type of its event: those of the CloudEvent, else those of its context.

    The type is included because producers reuse an id for different types. An event without an id is labelled with a
    digest of its content; whether it can be read is found out in `translate`, where the failure is visible.
    """
    try:
        document = parse_json(message.body)
    except NotJson:
        return Labelled("", "")
    attributes = attributes_of(message, document)
    try:
        data = data_of(message, document)
    except Unreadable:
        data = {}
    context = parse.object_in(data, "context") if isinstance(data, Mapping) else {}
    type_ = parse.text_in(context, "type") or attributes.get("type", "")
    id_ = attributes.get("id", "") or parse.text_in(context, "id")
    source = attributes.get("source", "") or parse.text_in(context, "source")
    if not id_:
        return Labelled("", parse.cut(type_, 150))
    delivery = " ".join(part for part in (source, id_, type_) if part)
    return Labelled(delivery if len(delivery) <= LONGEST_DELIVERY else parse.key_of(delivery), parse.cut(type_, 150))


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the facts of a stored message; None for types that are not translated."""
    event = read_event(message, config)
    translator = TRANSLATORS.get(event.short_type)
    return translator(event) if translator else None


def _change(event: Event) -> list[Seen]:
    custom = event.custom
    repository = parse.object_in(event.content, "repository")
    where = parse.text_in(repository, "id", "name") or parse.text_in(custom, "repository")
    sha = parse.sha(parse.text_in(custom, *COMMIT_FIELDS)) or parse.sha(event.subject) or event.subject
    if len(sha) > 100:
        sha = parse.key_of("change", event.subject_source, sha)[:100]
    texts = [
        ("title", parse.text_in(event.content, "title")),
        ("description", parse.text_in(event.content, "description")),
        ("title", parse.text_in(custom, "title")),
        ("description", parse.text_in(custom, "body", "description")),
        ("message", parse.text_in(custom, "message", "commitMessage")),
        ("branch", parse.text_in(custom, "branch", "headBranch")),
        *(("event", key) for key in keys_in(event.subject)),
        *(("event", text) for name in ("story", "stories") for text in parse.texts_in(custom.get(name))),
    ]
    titles = [text for _, text in texts[:5] if text]
    author = parse.object_in(custom, "author")
    return [
        ChangeMerged(
            key=sha,
            at=event.at,
            merged_at=event.moment("mergedAt", "merged_at") or event.at,
            repository=parse.repository(where or event.subject_source or "unknown"),
            subject=parse.cut((titles or [""])[0].strip().split("\n")[0], 300),
            author=parse.cut(parse.text_in(author, "name", "login", "id"), 200),
            author_type=BOT if parse.text_in(author, "type").lower() == BOT else "",
            url=link(event.text("url", "uri")),
            texts=tuple(dict.fromkeys((kind, text) for kind, text in texts if text)),
        )
    ]


def _sha(event: Event) -> str:
    return parse.sha(parse.text_in(event.custom, *COMMIT_FIELDS))


def _started_at(event: Event) -> datetime | None:
    """Return the start time, for which CDEvents has no field but customData."""
    return event.moment("startedAt", "started_at")


def _run(event: Event) -> list[Seen]:
    subject, predicate = event.short_type.split(".")
    phase = PHASES[predicate]
    artifact = parse.purl(event.text("artifactId", "artifact"), "subject.content.artifactId")
    status = event.text("outcome", "status") if phase == facts.FINISHED else ""
    outcome, raw_status = parse.outcome(status), status
    if phase == facts.FINISHED and not status:
        # The build events of CDEvents have no outcome. One that names its artifact made it, so it succeeded.
        outcome, raw_status = (
            (facts.SUCCESS, "finished, names its artifact") if artifact else (facts.UNKNOWN, "finished")
        )
    parent = parse.text_in(parse.object_in(event.content, "pipelineRun"), "id")
    # One successful task says nothing about the commit; the run of its whole pipeline does.
    sha = "" if subject == "taskrun" and parent else _sha(event)
    repository = parse.repository(parse.text_in(event.custom, "repository"))
    run = RunSeen(
        key=event.scoped(event.subject_source, subject, event.subject),
        at=event.at,
        phase=phase,
        outcome=outcome,
        raw_status=parse.cut(raw_status, 250),
        service=parse.cut(parse.text_in(event.custom, "service"), 120),
        repository=repository,
        sha=sha,
        branch=parse.cut(parse.text_in(event.custom, "branch"), 250),
        pipeline=parse.cut(event.text("pipelineName", "taskName", "pipeline") or subject, 250),
        artifact=artifact,
        trigger=triggers.trigger_of(parse.text_in(event.custom, "trigger")),
        started_at=event.at if phase == facts.RUNNING else _started_at(event),
        finished_at=event.at if phase == facts.FINISHED else None,
        url=link(event.text("url", "uri")),
    )
    if artifact and sha:
        return [run, ArtifactSeen(key=artifact, at=event.at, sha=sha, repository=repository)]
    return [run]


def _artifact(event: Event) -> list[Seen]:
    change = parse.object_in(event.content, "change")
    repository = parse.text_in(parse.object_in(change, "repository"), "id", "name") or parse.text_in(change, "source")
    packaged = event.short_type == "artifact.packaged"
    return [
        ArtifactSeen(
            key=parse.purl(event.subject, "subject.id"),
            at=event.at,
            sha=_sha(event) or parse.sha(parse.text_in(change, "id")) or parse.text_in(change, "id")[:100],
            repository=parse.repository(repository or parse.text_in(event.custom, "repository")),
            packaged_at=event.at if packaged else None,
            published_at=None if packaged else event.at,
        )
    ]


def _environment_of(event: Event) -> str:
    environment = parse.object_in(event.content, "environment") or parse.object_in(event.custom, "environment")
    return parse.text_in(environment, "id", "name")


def _service_of(event: Event) -> str:
    service = parse.object_in(event.content, "service") or parse.object_in(event.custom, "service")
    return parse.text_in(service, "id", "name")


def _deployment(event: Event) -> list[Seen]:
    predicate = event.short_type.split(".")[1]
    service = parse.text_in(parse.object_in(event.custom, "service"), "id", "name") or event.subject
    # CDEvents has no outcome here: what is told happened. A sender that adds one says that it may not have.
    status = event.text("outcome", "status")
    return [
        DeploymentSeen(
            key=event.key(),
            at=event.at,
            service=parse.required_name(service, "subject.id"),
            environment=parse.required_name(_environment_of(event), "subject.content.environment.id"),
            deployment=DEPLOYMENTS[predicate],
            phase=facts.FINISHED,
            outcome=parse.outcome(status) or facts.SUCCESS,
            raw_status=parse.cut(f"{predicate}, {status}" if status else predicate, 250),
            artifact=parse.purl(event.text("artifactId"), "subject.content.artifactId"),
            sha=_sha(event),
            version=parse.cut(parse.text_in(event.custom, "version"), 200),
            started_at=_started_at(event),
            finished_at=event.at,
            url=link(event.text("url", "uri")),
        )
    ]


def _environment(event: Event) -> list[Seen]:
    return [
        EnvironmentSeen(
            key=parse.required_name(event.subject, "subject.id"),
            at=event.at,
            gone=event.short_type == "environment.deleted",
            name=parse.cut(event.text("name"), 120),
            url=link(event.text("url", "uri")),
        )
    ]


def _acceptance(event: Event) -> list[Seen]:
    environment = _environment_of(event)
    if not environment:
        raise MakesNothing("subject.content.environment.id is missing. A check only counts with its environment.")
    case, suite = parse.object_in(event.content, "testCase"), parse.object_in(event.content, "testSuite")
    name = parse.text_in(case, "name", "id") or parse.text_in(suite, "name", "id") or event.subject
    status = event.text("outcome", "status")
    reason = event.text("reason")
    found: list[Seen] = []
    for story in _stories(event) or [""]:
        found.append(
            AcceptanceSeen(
                key=event.key(story) if story else event.key(),
                at=event.at,
                environment=parse.required_name(environment, "subject.content.environment.id"),
                phase=facts.FINISHED,
                outcome=parse.outcome(status) or facts.UNKNOWN,
                name=parse.cut(name, 300),
                story=story,
                raw_status=parse.cut(f"{status}: {reason}" if reason else status, 250),
                service=parse.cut(_service_of(event), 120),
                artifact=parse.purl(event.text("artifactId", "artifact"), "customData.artifactId"),
                sha=_sha(event),
                release=parse.cut(parse.text_in(event.custom, "release"), 200),
                started_at=_started_at(event),
                finished_at=event.at,
                performed_by=parse.cut(parse.text_in(event.custom, "performedBy", "performed_by", "by"), 200),
                url=link(event.text("url", "uri")),
            )
        )
    return found


def _stories(event: Event) -> list[str]:
    """Return the stories that an event says it proves. The name or id of a test says nothing: it only looks like a key."""
    told = [text for field in ("story", "stories") for text in parse.texts_in(event.custom.get(field))]
    return list(dict.fromkeys(key for text in told for key in keys_told(text)))


def _incident(event: Event) -> list[Seen]:
    moments = {"detected": "detected_at", "reported": "declared_at", "resolved": "resolved_at"}
    moment: dict[str, Any] = {moments[event.short_type.split(".")[1]]: event.at}
    title = event.text("title") or event.text("description")
    return [
        IncidentSeen(
            key=event.scoped(event.subject_source, event.subject),
            at=event.at,
            title=parse.cut(title, 300),
            environment=parse.cut(_environment_of(event), 120),
            service=parse.cut(_service_of(event), 120),
            url=link(event.text("ticketURI", "ticketUri", "url", "uri")),
            **moment,
        )
    ]


TRANSLATORS: dict[str, Callable[[Event], list[Seen]]] = {
    "change.merged": _change,
    **{f"{subject}.{phase}": _run for subject in ("pipelinerun", "build", "taskrun") for phase in PHASES},
    "artifact.packaged": _artifact,
    "artifact.published": _artifact,
    **{f"service.{predicate}": _deployment for predicate in DEPLOYMENTS},
    **{f"environment.{predicate}": _environment for predicate in ("created", "modified", "deleted")},
    # testCase and testSuite are what CDEvents up to 0.2 called testCaseRun and testSuiteRun.
    **{f"{subject}.finished": _acceptance for subject in ("testcaserun", "testsuiterun", "testcase", "testsuite")},
    **{f"incident.{predicate}": _incident for predicate in ("detected", "reported", "resolved")},
}
PROVIDER = Provider(
    kind="cdevents",
    name="CDEvents",
    pushes=True,
    pulls=False,
    label=label,
    translate=translate,
    settings=(ZONE,),
    tables=(parse.outcome_table("outcome"),),
)
