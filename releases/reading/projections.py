"""From facts to rows: what each kind of fact makes of the thing it speaks about.

A row is folded from all the facts about its thing, in their own order (phase first, then time), never from the one that
came last. So late, early and repeated events all lead to the same row.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model

from portal.kernel import clock
from portal.kernel.stable_ids import stable_id
from releases.artifacts.models import Artifact
from releases.deployments.models import AcceptanceRun, Deployment
from releases.environments.actions import environment_named
from releases.environments.models import Environment
from releases.flags.models import FlagState
from releases.inbox.affected import Affected
from releases.inbox.fold import Said, fold
from releases.inbox.models import Fact
from releases.incidents.alerts import alert
from releases.incidents.models import Incident
from releases.pipelines.change_links import link_texts
from releases.pipelines.models import Change, Repository, Run, StoryLink
from releases.pipelines.repositories import get_or_create_repository
from squads.teams.actions import service_named


def react(kind: str, key: str, affected: Affected) -> None:
    """Write the row of one thing anew from all facts about it, and note in `affected` what that may concern.

    A thing of which no fact is left (its only event is read differently now) was never there.
    """
    facts = list(Fact.objects.filter(kind=kind, key=key))
    if facts:
        REACTIONS[kind](key, facts, affected)
    else:
        _forget(kind, key, affected)


# The columns that say what a row is about. While they stay, its news concerns only what is around it.
PLACES = (
    "service_id",
    "repository_id",
    "environment_id",
    "artifact_id",
    "sha",
    "version",
    "branch",
    "finished_at",
    "kind",
    "healthy",
    "outcome",
    "story_key",
    "release",
)


def _put(model: type[Model], pk: UUID, affected: Affected | None = None, **values: Any) -> None:
    """Insert or update one derived row. One that had ended and moved concerns what it was about before as well."""
    manager = model._default_manager
    before = manager.filter(pk=pk).first()
    if before is None:
        manager.create(pk=pk, **values)
        return
    manager.filter(pk=pk).update(**values)
    after = model(pk=pk, **values)
    if affected is not None and any(getattr(before, name, None) != getattr(after, name, None) for name in PLACES):
        _note_place(before, affected)


def _note_place(row: Any, affected: Affected) -> None:
    """Note what a row was about, if it had ended: what is still under way is evidence of nothing."""
    if not row.outcome or row.finished_at is None:
        return
    affected.note(service=row.service_id, key=getattr(row, "story_key", ""))
    if isinstance(row, Run):
        affected.note(repository=row.repository_id)
        if row.repository_id is None and row.service_id is None and row.sha:
            of_commit = Change.objects.filter(sha__startswith=row.sha)
            affected.repositories |= set(of_commit.values_list("repository_id", flat=True)[:50])


def _forget(kind: str, key: str, affected: Affected) -> None:
    """Delete the row of a thing that nothing speaks of any more."""
    if kind == "flag":
        FlagState.objects.filter(flag=key[:120]).delete()
        affected.flags.add(key)
        return
    if kind == "signal":
        alert(key, [], affected)
        return
    if kind == "change":
        _drop_changes(key, set(), affected)
        return
    if kind == "environment":
        for place in Environment.objects.filter(key=key, gone_at__isnull=False):
            affected.environments.add(place.pk)
            Environment.objects.filter(pk=place.pk).update(gone_at=None)
        return
    model = ROWS.get(kind)
    if model is None:
        return
    row: Any = model._default_manager.filter(pk=stable_id(kind, key)).first()
    if row is None:
        return
    if isinstance(row, Artifact):
        # Deployments and runs may still mention it: it stays, and says nothing.
        Artifact.objects.filter(pk=row.pk).update(
            sha="", repository=None, packaged_at=None, published_at=None, event=None
        )
        affected.artifacts.add(row.pk)
        return
    if not isinstance(row, Incident):
        _note_place(row, affected)
    row.delete()


def _drop_changes(sha: str, kept: set[UUID], affected: Affected) -> None:
    """Delete what events made of a change in repositories that they no longer mean; what git has stays."""
    for row in Change.objects.filter(sha=sha, known=False).exclude(pk__in=kept):
        affected.repositories.add(row.repository_id)
        affected.stories |= set(
            StoryLink.objects.filter(change=row.pk, story__isnull=False).values_list("story_id", flat=True)
        )
        StoryLink.objects.filter(change=row.pk, person__isnull=True).delete()
        row.delete()


def _moment(said: Said, name: str, otherwise: datetime | None = None) -> datetime | None:
    return clock.parse(said.get(name)) or otherwise


def _times(said: Said, last: Fact) -> dict[str, datetime | None]:
    finished = _moment(said, "finished_at", last.at if said.get("phase") == "finished" else None)
    return {"started_at": _moment(said, "started_at"), "finished_at": finished}


def _artifact(purl: str) -> Artifact | None:
    """Return the artifact a purl names, made as soon as anything mentions it."""
    if not purl:
        return None
    return Artifact.objects.get_or_create(pk=stable_id("artifact", purl), defaults={"purl": purl[:500]})[0]


def _named_service(said: Said) -> Any:
    return service_named(said["service"]) if said.get("service") else None


def _service_of(said: Said) -> Any:
    """Return the service that a deployment is of: the one it names, else the one that its repository makes."""
    if said.get("service"):
        return service_named(said["service"])
    place = get_or_create_repository(said.get("repository") or "unknown")
    return place.service or service_named(place.key.rpartition("/")[2])


def _checked_service(said: Said) -> Any:
    """Return the service that a check is of, if it is of one: an acceptance run may look at a story instead."""
    if said.get("service") or not said.get("repository"):
        return _named_service(said)
    return get_or_create_repository(said["repository"]).service


def change(key: str, facts: list[Fact], affected: Affected) -> None:
    """A change was merged: its time, and the stories that its texts name."""
    by_place: dict[Repository, list[Fact]] = {}
    for fact in facts:
        by_place.setdefault(get_or_create_repository(fact.data["repository"]), []).append(fact)
    kept = {stable_id("change", place.key, key) for place in by_place}
    _drop_changes(key, kept, affected)
    for place, own in by_place.items():
        said, last = fold(own)
        merged = min(each for fact in own if (each := _moment(fact.data, "merged_at", fact.at)) is not None)
        pk = stable_id("change", place.key, key)
        known = Change.objects.filter(pk=pk, known=True).update(
            merged_at=merged,
            url=said.get("url", "")[:1000],
            commits=said.get("commits", []),
            told_paths=said.get("paths", []),
        )
        if not known:
            _put(
                Change,
                pk,
                repository=place,
                sha=key[:100],
                merged_at=merged,
                url=said.get("url", "")[:1000],
                subject=said.get("subject", ""),
                author=said.get("author", "")[:200],
                event_id=last.event_id,
                commits=said.get("commits", []),
                told_paths=said.get("paths", []),
            )
        texts = [tuple(each) for fact in own for each in fact.data.get("texts", ())]
        link_texts(pk, place, texts)
        affected.changes.add(pk)


def run(key: str, facts: list[Fact], affected: Affected) -> None:
    """A CI run reached a phase."""
    said, last = fold(facts)
    pk = stable_id("run", key)
    repository = get_or_create_repository(said["repository"]) if said.get("repository") else None
    _put(
        Run,
        pk,
        affected,
        key=key[:300],
        repository=repository,
        service=_named_service(said),
        sha=said.get("sha", "")[:100],
        pipeline=said.get("pipeline", ""),
        branch=said.get("branch", ""),
        phase=said["phase"],
        outcome=said.get("outcome", ""),
        raw_status=said.get("words", ""),
        url=said.get("url", "")[:1000],
        artifact=_artifact(said.get("artifact", "")),
        event_id=last.event_id,
        **_times(said, last),
    )
    affected.runs.add(pk)


def artifact(key: str, facts: list[Fact], affected: Affected) -> None:
    """An artifact was packaged or published."""
    said, last = fold(facts)
    pk = stable_id("artifact", key)
    _put(
        Artifact,
        pk,
        purl=key[:500],
        sha=said.get("sha", "")[:100],
        event_id=last.event_id,
        repository=get_or_create_repository(said["repository"]) if said.get("repository") else None,
        packaged_at=_moment(said, "packaged_at"),
        published_at=_moment(said, "published_at"),
    )
    affected.artifacts.add(pk)


def deployment(key: str, facts: list[Fact], affected: Affected) -> None:
    """A deployment reached a phase."""
    said, last = fold(facts)
    pk = stable_id("deployment", key)
    _put(
        Deployment,
        pk,
        affected,
        key=key[:300],
        service=_service_of(said),
        environment=environment_named(said["environment"]),
        kind=said.get("deployment", "deploy"),
        artifact=_artifact(said.get("artifact", "")),
        sha=said.get("sha", "")[:100],
        version=said.get("version", "")[:200],
        phase=said["phase"],
        outcome=said.get("outcome", ""),
        healthy=said.get("healthy", True),
        raw_status=said.get("words", ""),
        url=said.get("url", "")[:1000],
        event_id=last.event_id,
        **_times(said, last),
    )
    affected.deployments.add(pk)


def environment(key: str, facts: list[Fact], affected: Affected) -> None:
    """An environment was created, changed or deleted. What people wrote about it is left alone."""
    said, last = fold(facts)
    place = environment_named(key)
    before, place.gone_at = place.gone_at, last.at if last.data.get("gone") else None
    if place.discovered:
        place.name = said.get("name", "")[:120] or place.name
        place.url = said.get("url", "")[:1000] or place.url
    place.save(update_fields=["gone_at", "name", "url"])
    if place.gone_at != before:
        # What ran there runs no more, or runs there again.
        affected.environments.add(place.pk)


def acceptance(key: str, facts: list[Fact], affected: Affected) -> None:
    """A check of a story or of a service's artifact."""
    said, last = fold(facts)
    pk = stable_id("acceptance", key)
    _put(
        AcceptanceRun,
        pk,
        affected,
        key=key[:300],
        name=said.get("name", ""),
        environment=environment_named(said["environment"]),
        story_key=said.get("story", "")[:20],
        service=_checked_service(said),
        artifact=_artifact(said.get("artifact", "")),
        sha=said.get("sha", "")[:100],
        release=said.get("release", "")[:200],
        phase=said["phase"],
        outcome=said.get("outcome", ""),
        raw_status=said.get("words", ""),
        url=said.get("url", "")[:1000],
        performed_by=said.get("performed_by", "")[:200],
        event_id=last.event_id,
        **_times(said, last),
    )
    affected.checks.add(pk)


def flag(key: str, facts: list[Fact], affected: Affected) -> None:
    """A flag was seen on or off. Every sighting stays a row: a flag has a history."""
    seen = {stable_id("flag", fact.id): fact for fact in facts}
    FlagState.objects.filter(flag=key[:120]).exclude(pk__in=seen).delete()
    for pk, fact in seen.items():
        place = environment_named(fact.data["environment"])
        _put(
            FlagState,
            pk,
            flag=key[:120],
            environment=place,
            on=fact.data.get("on", False),
            at=fact.at,
            audience=fact.data.get("audience", "everyone")[:60],
            event_id=fact.event_id,
        )
    affected.flags.add(key)


def incident(key: str, facts: list[Fact], affected: Affected) -> None:
    """An incident was detected, declared or resolved."""
    said, last = fold(facts)
    _put(
        Incident,
        stable_id("incident", key),
        key=key[:300],
        title=said.get("title", ""),
        service=_named_service(said),
        environment=environment_named(said["environment"]) if said.get("environment") else None,
        detected_at=_earliest(facts, "detected_at"),
        declared_at=_earliest(facts, "declared_at"),
        resolved_at=_moment(said, "resolved_at"),
        url=said.get("url", "")[:1000],
        event_id=last.event_id,
    )


def _earliest(facts: list[Fact], name: str) -> datetime | None:
    return min((each for fact in facts if (each := _moment(fact.data, name)) is not None), default=None)


ROWS: dict[str, type[Model]] = {
    "run": Run,
    "artifact": Artifact,
    "deployment": Deployment,
    "acceptance": AcceptanceRun,
    "incident": Incident,
}
REACTIONS: dict[str, Callable[[str, list[Fact], Affected], None]] = {
    "change": change,
    "run": run,
    "artifact": artifact,
    "deployment": deployment,
    "environment": environment,
    "acceptance": acceptance,
    "flag": flag,
    "incident": incident,
    "signal": alert,
}
