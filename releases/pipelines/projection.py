"""From facts about changes and runs to their rows."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.db.models import Min

from portal.kernel.stable_ids import stable_id
from releases.inbox.affected import Affected
from releases.inbox.fold import first_end, fold, moment, started_and_finished
from releases.inbox.models import Fact, InboundEvent
from releases.inbox.projection import Projection, delete_attempts, has_ended, save_attempts, save_row
from releases.pipelines import relations
from releases.pipelines.change_links import LinkRules, link_told
from releases.pipelines.models import Change, ChangeRelation, Repository, Run, StoryLink
from releases.pipelines.repositories import get_or_create_repository
from releases.providers.bots import BOT
from releases.providers.commit_relations import Kind, Relation, relations_of, request_of_address
from releases.providers.schema_files import kind_said
from releases.providers.story_keys import BRANCH_TEXT, MESSAGE
from squads.teams.actions import service_named

# The columns that say what a run is about: while they stay, only its neighbours may see it differently.
RUN_PLACE = (
    "service_id",
    "repository_id",
    "artifact_id",
    "sha",
    "pipeline",
    "branch",
    "trigger",
    "finished_at",
    "outcome",
)


def project_change(key: str, facts: list[Fact], affected: Affected) -> None:
    """A change was merged: its time, and the stories that its texts name. One row for each repository that has it."""
    by_repository: dict[Repository, list[Fact]] = {}
    for fact in facts:
        by_repository.setdefault(get_or_create_repository(fact.data["repository"]), []).append(fact)
    _delete_changes(key, {stable_id("change", each.key, key) for each in by_repository}, affected)
    for repository, own in by_repository.items():
        pk = stable_id("change", repository.key, key)
        _save_change(pk, key, repository, own)
        affected.stories |= link_told(pk, repository, _texts(own), LinkRules())
        relations.save({pk: _relations(own)}, by_git=False)
        affected.changes.add(pk)


def _texts(facts: list[Fact]) -> Iterator[tuple[str, str, str, bool]]:
    """Yield the texts of these facts that may name stories, as `link_told` takes them."""
    for fact in sorted(facts, key=lambda fact: (fact.at, fact.id.hex)):
        for kind, text in fact.data.get("texts", ()):
            yield kind, text, fact.data.get("author", ""), fact.data.get("author_type") == BOT


def _relations(facts: list[Fact]) -> list[Relation]:
    """Return what the events about a change say of other commits."""
    found = [each for kind, text, _, _ in _texts(facts) if kind != BRANCH_TEXT for each in relations_of(text)]
    for fact in facts:
        found += [Relation(Kind.ORIGINAL, sha) for sha, _ in fact.data.get("commits", ())]
        if (request := request_of_address(fact.data.get("url", ""))) is not None:
            found.append(request)
    return found


def _save_change(pk: UUID, sha: str, repository: Repository, facts: list[Fact]) -> None:
    merged, last = fold(facts)
    told = {
        "merged_at": min(each for fact in facts if (each := moment(fact.data, "merged_at", fact.at)) is not None),
        "url": merged.get("url", "")[:1000],
        "commits": merged.get("commits", []),
        "told_paths": merged.get("paths", []),
        "told_at": InboundEvent.objects.filter(facts__in=facts).aggregate(first=Min("received_at"))["first"],
    }
    # What git itself says of a commit (its author, message and parents) stays as git says it.
    if Change.objects.filter(pk=pk, known=True).update(**told):
        return
    of_event = {"subject": merged.get("subject", ""), "author": merged.get("author", "")[:200]}
    of_event["schema_kind"] = _schema_kind(facts)
    values = {"repository": repository, "sha": sha[:100], "event_id": last.event_id, **of_event, **told}
    save_row(Change, pk, values)


def _schema_kind(facts: list[Fact]) -> str:
    """Return what the messages that events tell of a commit call its schema change; "" where they differ."""
    said = {kind_said(text) for kind, text, _, _ in _texts(facts) if kind == MESSAGE} - {""}
    return said.pop() if len(said) == 1 else ""


def withdraw_change(key: str, affected: Affected) -> None:
    """Nothing tells of the change any more."""
    _delete_changes(key, set(), affected)


def _delete_changes(sha: str, kept: set[UUID], affected: Affected) -> None:
    """Delete what events made of a change in repositories that they no longer mean; what git has stays."""
    for row in Change.objects.filter(sha=sha, known=False).exclude(pk__in=kept):
        affected.repositories.add(row.repository_id)
        linked = StoryLink.objects.filter(change=row.pk, story__isnull=False)
        affected.stories |= set(linked.values_list("story_id", flat=True))
        StoryLink.objects.filter(change=row.pk, person__isnull=True).delete()
        row.delete()
    for row in (
        Change.objects.filter(sha=sha, known=True)
        .exclude(pk__in=kept)
        .exclude(merged_at=None)
        .select_related("repository")
    ):
        # Git has it still; only what events said of it goes.
        affected.stories |= link_told(row.pk, row.repository, (), LinkRules())
        affected.changes.add(row.pk)
        Change.objects.filter(pk=row.pk).update(merged_at=None, url="", commits=[], told_paths=[])


def _reset_links() -> None:
    """Before a rebuild only the links that people made are known, and not why."""
    StoryLink.objects.filter(person__isnull=True).delete()
    StoryLink.objects.update(git_named=[], told_named=[])


CHANGES = Projection(
    kind="change", project=project_change, withdraw=withdraw_change, models=(ChangeRelation, Change), reset=_reset_links
)


def runs(artifact_named: Callable[[str], Any]) -> Projection:
    """Return the projection of runs. `artifact_named` finds the artifact that a purl names; artifacts stand above."""

    def project(key: str, facts: list[Fact], affected: Affected) -> None:
        def values(some: list[Fact]) -> dict[str, Any]:
            return {"key": key[:300], "artifact": artifact_named(fold(some)[0].get("artifact", "")), **_run_of(some)}

        ids, moved = save_attempts(Run, "run", key, facts, values, place=RUN_PLACE)
        for before, after in moved:
            if has_ended(before) or after is None or _speaks_of(before) != _speaks_of(after):
                _note_run(before, affected)
        affected.runs.update(ids)

    return Projection(kind="run", project=project, withdraw=_withdraw_run, models=(Run,))


def _run_of(facts: list[Fact]) -> dict[str, Any]:
    """Return the columns of one attempt. It ended when it was first said to have ended as it did."""
    merged, last = fold(facts)
    times = started_and_finished(merged, last)
    times["finished_at"] = first_end(facts, merged) or times["finished_at"]
    return {
        "repository": get_or_create_repository(merged["repository"]) if merged.get("repository") else None,
        "service": service_named(merged["service"]) if merged.get("service") else None,
        "sha": merged.get("sha", "")[:100],
        "pipeline": merged.get("pipeline", ""),
        "branch": merged.get("branch", ""),
        "trigger": merged.get("trigger", "")[:12],
        "phase": merged["phase"],
        "outcome": merged.get("outcome", ""),
        "raw_status": merged.get("words", ""),
        "url": merged.get("url", "")[:1000],
        "event_id": last.event_id,
        **times,
    }


def _speaks_of(row: Run) -> tuple[Any, ...]:
    """Return what a run is about, whether it has ended or not: one that is under way may hold up others of its commit."""
    return tuple(getattr(row, name) for name in RUN_PLACE if name not in ("finished_at", "outcome"))


def _withdraw_run(key: str, affected: Affected) -> None:
    """Nothing tells of the run any more."""
    for row in delete_attempts(Run, "run", key):
        _note_run(row, affected)


def _note_run(row: Run, affected: Affected) -> None:
    """Note whose evidence rested on a run that moves or goes."""
    affected.note(service=row.service_id, repository=row.repository_id)
    if row.repository_id is None and row.service_id is None and row.sha:
        of_commit = Change.objects.filter(sha__startswith=row.sha)
        affected.repositories |= set(of_commit.values_list("repository_id", flat=True)[:50])
