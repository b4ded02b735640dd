"""From facts to rows: what each kind of fact makes of the thing it speaks about.

A row is folded from all the facts about its thing, in their own order (phase first, then time), never from the one that
came last. So late, early and repeated events all lead to the same row.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model

from portal.kernel import clock
from portal.kernel.identity import identity
from releases.artifacts.models import Artifact
from releases.deployments.models import AcceptanceRun, Deployment
from releases.environments.actions import environment_named
from releases.flags.models import FlagState
from releases.incidents.models import Incident
from releases.intake.models import Fact
from releases.pipelines.facts import PHASES
from releases.pipelines.models import Change, Run
from releases.pipelines.reactions import link_texts, repository_named
from releases.planning.actions import Touched
from squads.teams.actions import service_named

Said = dict[str, Any]
LONGEST = dict.fromkeys(("words", "pipeline", "branch"), 250) | {"name": 300, "title": 300, "subject": 300}


def fold(facts: Iterable[Fact]) -> tuple[Said, Fact]:
    """Return what facts about one thing say together, and the one that had the last word.

    A later phase outranks an earlier one whatever their times; then the later moment; then the identity, so that any
    order of arrival gives the same.
    """
    ordered = sorted(facts, key=lambda fact: (_rank(fact.data), fact.at, fact.id.hex))
    said: Said = {}
    for fact in ordered:
        said.update(fact.data)
    for name, longest in LONGEST.items():
        if isinstance(said.get(name), str):
            said[name] = said[name][:longest]
    return said, ordered[-1]


def _rank(data: Mapping[str, Any]) -> int:
    phase = data.get("phase")
    return PHASES.index(phase) if phase in PHASES else 0


def react(kind: str, key: str, touched: Touched) -> None:
    """Write the row of one thing anew from all facts about it, and note in `touched` what that may concern."""
    facts = list(Fact.objects.filter(kind=kind, key=key))
    if facts:
        REACTIONS[kind](key, facts, touched)


def _put(model: type[Model], pk: UUID, **values: Any) -> None:
    """Insert or update one derived row."""
    manager = model._default_manager
    if not manager.filter(pk=pk).update(**values):
        manager.create(pk=pk, **values)


def _moment(said: Said, name: str, otherwise: datetime | None = None) -> datetime | None:
    return clock.parse(said.get(name)) or otherwise


def _times(said: Said, last: Fact) -> dict[str, datetime | None]:
    finished = _moment(said, "finished_at", last.at if said.get("phase") == "finished" else None)
    return {"started_at": _moment(said, "started_at"), "finished_at": finished}


def _artifact(purl: str) -> Artifact | None:
    """Return the artifact a purl names, made as soon as anything mentions it."""
    if not purl:
        return None
    return Artifact.objects.get_or_create(pk=identity("artifact", purl), defaults={"purl": purl[:500]})[0]


def _named_service(said: Said) -> Any:
    return service_named(said["service"]) if said.get("service") else None


def change(key: str, facts: list[Fact], touched: Touched) -> None:
    """A change was merged: its time, and the stories that its texts name."""
    for repository in sorted({fact.data["repository"] for fact in facts}):
        place = repository_named(repository)
        said, last = fold(fact for fact in facts if fact.data["repository"] == repository)
        merged = min(
            each for fact in facts if fact.data["repository"] == repository
            if (each := _moment(fact.data, "merged_at", fact.at)) is not None
        )  # fmt: skip
        pk = identity("change", place.key, key)
        known = Change.objects.filter(pk=pk, known=True).update(merged_at=merged, url=said.get("url", "")[:1000])
        if not known:
            _put(
                Change, pk, repository=place, sha=key[:100], merged_at=merged, url=said.get("url", "")[:1000],
                subject=said.get("subject", ""), author=said.get("author", "")[:200], event_id=last.event_id,
            )  # fmt: skip
        texts = [tuple(each) for fact in facts for each in fact.data.get("texts", ())]
        link_texts(pk, texts)
        touched.changes.add(pk)


def run(key: str, facts: list[Fact], touched: Touched) -> None:
    """A CI run reached a phase."""
    said, last = fold(facts)
    pk = identity("run", key)
    repository = repository_named(said["repository"]) if said.get("repository") else None
    _put(
        Run, pk, key=key[:300], repository=repository, service=_named_service(said), sha=said.get("sha", "")[:100],
        pipeline=said.get("pipeline", ""), branch=said.get("branch", ""), phase=said["phase"],
        outcome=said.get("outcome", ""), words=said.get("words", ""), url=said.get("url", "")[:1000],
        artifact=_artifact(said.get("artifact", "")), event_id=last.event_id,
        **_times(said, last),
    )  # fmt: skip
    touched.runs.add(pk)


def artifact(key: str, facts: list[Fact], touched: Touched) -> None:
    """An artifact was packaged or published."""
    said, last = fold(facts)
    pk = identity("artifact", key)
    _put(
        Artifact, pk, purl=key[:500], sha=said.get("sha", "")[:100], event_id=last.event_id,
        repository=repository_named(said["repository"]) if said.get("repository") else None,
        packaged_at=_moment(said, "packaged_at"), published_at=_moment(said, "published_at"),
    )  # fmt: skip
    touched.artifacts.add(pk)


def deployment(key: str, facts: list[Fact], touched: Touched) -> None:
    """A deployment reached a phase."""
    said, last = fold(facts)
    pk = identity("deployment", key)
    _put(
        Deployment, pk, key=key[:300], service=service_named(said["service"]),
        environment=environment_named(said["environment"]), kind=said.get("deployment", "deploy"),
        artifact=_artifact(said.get("artifact", "")), sha=said.get("sha", "")[:100],
        version=said.get("version", "")[:200], phase=said["phase"], outcome=said.get("outcome", ""),
        healthy=said.get("healthy", True), words=said.get("words", ""), url=said.get("url", "")[:1000],
        event_id=last.event_id, **_times(said, last),
    )  # fmt: skip
    touched.deployments.add(pk)


def environment(key: str, facts: list[Fact], touched: Touched) -> None:
    """An environment was created, changed or deleted. What people wrote about it is left alone."""
    said, last = fold(facts)
    place = environment_named(key)
    place.gone_at = last.at if last.data.get("gone") else None
    before = place.name
    if place.discovered:
        place.name = said.get("name", "")[:120] or place.name
        place.url = said.get("url", "")[:1000] or place.url
    place.save(update_fields=["gone_at", "name", "url"])
    if place.name != before:
        # Evidence names its environment.
        touched.environments.add(place.pk)


def acceptance(key: str, facts: list[Fact], touched: Touched) -> None:
    """A check of a story or of a service's artifact."""
    said, last = fold(facts)
    pk = identity("acceptance", key)
    _put(
        AcceptanceRun, pk, key=key[:300], name=said.get("name", ""),
        environment=environment_named(said["environment"]), story_key=said.get("story", "")[:20],
        service=_named_service(said), artifact=_artifact(said.get("artifact", "")),
        sha=said.get("sha", "")[:100], release=said.get("release", "")[:200], phase=said["phase"],
        outcome=said.get("outcome", ""), words=said.get("words", ""), url=said.get("url", "")[:1000],
        performed_by=said.get("performed_by", "")[:200], event_id=last.event_id, **_times(said, last),
    )  # fmt: skip
    touched.checks.add(pk)


def flag(key: str, facts: list[Fact], touched: Touched) -> None:
    """A flag was seen on or off. Every sighting stays a row: a flag has a history."""
    for fact in facts:
        place = environment_named(fact.data["environment"])
        pk = identity("flag", fact.id)
        _put(
            FlagState, pk, flag=key[:120], environment=place, on=fact.data.get("on", False), at=fact.at,
            audience=fact.data.get("audience", "everyone")[:60], event_id=fact.event_id,
        )  # fmt: skip
    touched.flags.add(key)


def incident(key: str, facts: list[Fact], touched: Touched) -> None:
    """An incident was detected, declared or resolved."""
    said, last = fold(facts)
    _put(
        Incident, identity("incident", key), key=key[:300], title=said.get("title", ""), service=_named_service(said),
        environment=environment_named(said["environment"]) if said.get("environment") else None,
        detected_at=_earliest(facts, "detected_at"), declared_at=_earliest(facts, "declared_at"),
        resolved_at=_moment(said, "resolved_at"), url=said.get("url", "")[:1000], event_id=last.event_id,
    )  # fmt: skip


def _earliest(facts: list[Fact], name: str) -> datetime | None:
    return min((each for fact in facts if (each := _moment(fact.data, name)) is not None), default=None)


REACTIONS: dict[str, Callable[[str, list[Fact], Touched], None]] = {
    "change": change, "run": run, "artifact": artifact, "deployment": deployment, "environment": environment,
    "acceptance": acceptance, "flag": flag, "incident": incident,
}  # fmt: skip
