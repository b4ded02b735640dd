"""Taking events in: stored first, read later, in one lane, as often as needed."""

import logging
import time
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Model, Q

from portal.kernel import clock
from portal.kernel.locks import hold
from portal.kernel.stable_ids import stable_id
from releases.artifacts.models import Artifact
from releases.deployments.models import AcceptanceRun, Deployment
from releases.environments.models import Environment
from releases.evidence.actions import derive_affected
from releases.flags.models import FlagState
from releases.inbox.affected import Affected
from releases.inbox.models import Fact, InboundEvent, Source
from releases.incidents import alerts
from releases.incidents.models import Alert, Incident
from releases.issues import actions
from releases.mappings.apply import Reading
from releases.mappings.models import SeenName
from releases.pipelines import actions as pipelines
from releases.pipelines.models import Change, Mainline, Repository, Run, StoryLink, Tag
from releases.planning.tags import derive_tags
from releases.providers import PROVIDERS
from releases.providers.base import Message
from releases.providers.facts import CommitsSeen, RefsSeen, Seen, Unreadable, check_past
from releases.reading.projections import REACTIONS, react
from squads.models import Evidence, Story
from squads.stage_history.actions import announced_at_the_end

logger = logging.getLogger(__name__)
BATCH = 50
MANY = 1000
# A batch ends after this long, so that no transaction keeps others waiting; its last event may overrun it.
BATCH_SECONDS = 0.25
# SQLite lets one write at a time and queues nobody: those who wait look again every tenth of a second at the latest, and
# would starve if the lane took the lock back at once.
BREATH = 0.1


def drain_inbox() -> int:
    """Read all pending events, oldest first, in one lane; return how many were read.

    One process reads at a time. One that finds the lane taken leaves at once: whoever has it looks again after letting
    go, so an event that was committed before is always seen.
    """
    done = 0
    while True:
        batch = read_batch()
        if batch is None:
            return done
        done += batch
        if connection.vendor == "sqlite" and not connection.in_atomic_block:
            time.sleep(BREATH)
        if not batch and not InboundEvent.objects.filter(state=InboundEvent.State.PENDING).exists():
            return done


def read_batch(most: int = BATCH) -> int | None:
    """Read up to `most` pending events in one transaction; return how many, or None if another process is reading.

    Killed anywhere, the transaction is undone and the events are still pending. When the batch as a whole cannot be
    kept, its events are read one at a time, so that only the one at fault is marked failed.
    """
    ids: list[UUID] = []
    try:
        with transaction.atomic():
            if not hold("inbox", wait=False):
                return None
            pending = InboundEvent.objects.filter(state=InboundEvent.State.PENDING).order_by("received_at", "id")
            ids = list(pending.values_list("pk", flat=True)[:most])
            return _read(ids)
    except OperationalError:
        # The database is busy or away: nobody's fault, and the sweep comes again.
        raise
    except Exception as error:
        if most > 1:
            return _one_by_one(most)
        logger.exception("an event could not be kept")
        _fail(ids, error)
        return 1


def _one_by_one(most: int) -> int | None:
    done = 0
    for _ in range(most):
        one = read_batch(1)
        if one is None:
            return None if done == 0 else done
        done += one
        if not one:
            break
    return done


def _fail(ids: list[UUID], error: Exception) -> None:
    with transaction.atomic():
        hold("inbox")
        for event in InboundEvent.objects.filter(pk__in=ids, state=InboundEvent.State.PENDING):
            _close(event, InboundEvent.State.FAILED, f"{type(error).__name__}: {error}")


def _read(ids: list[UUID]) -> int:
    affected = Affected()
    reading = Reading()
    repositories: dict[int, Source] = {}
    until = time.monotonic() + BATCH_SECONDS
    done = 0
    for pk in ids:
        event = InboundEvent.objects.select_related("source__repository__service").get(pk=pk)
        _read_one(event, affected, repositories, reading)
        done += 1
        if time.monotonic() > until:
            break
    reading.keep_names()
    for source in repositories.values():
        _settle(source, affected)
    alerts.settle(affected)
    actions.settle(affected)
    derive_affected(affected)
    pipelines.sweep(affected.repositories)
    return done


def _read_one(event: InboundEvent, affected: Affected, repositories: dict[int, Source], reading: Reading) -> None:
    """Read one event: its facts, then the row of each thing they speak about. An error fails this event alone."""
    reading.begin(event)
    try:
        with transaction.atomic():
            facts = translate(event)
            if facts is None:
                _forget_facts(event, affected)
                _close(event, InboundEvent.State.IGNORED)
                return
            facts = reading.mapped(event, facts)
            subjects = _keep_facts(event, facts)
            actions.note(event, subjects, affected)
            for fact in facts:
                if isinstance(fact, CommitsSeen | RefsSeen):
                    _apply_git(event, fact, affected)
                    repositories[event.source_id] = event.source
            for kind, key in subjects:
                if kind in REACTIONS:
                    react(kind, key, affected)
            _close(event, InboundEvent.State.PROCESSED)
    except Unreadable as error:
        _forget_facts(event, affected)
        _close(event, InboundEvent.State.FAILED, str(error))
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("event %s could not be read", event.pk)
        _close(event, InboundEvent.State.FAILED, f"{type(error).__name__}: {error}")


def _forget_facts(event: InboundEvent, affected: Affected) -> None:
    """Take back what an event said when it was read before: it says nothing now."""
    subjects = list(event.facts.values_list("kind", "key").distinct())
    if subjects:
        event.facts.all().delete()
        for kind, key in subjects:
            if kind in REACTIONS:
                react(kind, key, affected)


def _apply_git(event: InboundEvent, fact: CommitsSeen | RefsSeen, affected: Affected) -> None:
    repository = event.source.repository
    if repository is None:
        raise Unreadable("The source names no repository. Edit the source and choose one, then replay this event.")
    branch = Mainline.objects.filter(repository=repository).values_list("branch", flat=True).first()
    if isinstance(fact, RefsSeen):
        # Which runs count depends on what the mainline is called.
        if pipelines.apply_refs(event, repository, fact) and branch != fact.branch[:250]:
            affected.repositories.add(repository.pk)
        return
    stories = pipelines.apply_commits(event, repository, fact)
    if branch is not None and pipelines.are_parents(repository, {commit.sha for commit in fact.commits}):
        # Known commits beside the mainline reach further back now.
        affected.repositories.add(repository.pk)
    if branch is None and len(fact.commits) > MANY:
        return  # part of a first import: nobody knows yet what is on the mainline, and the first look concerns them all
    affected.stories |= stories
    _note_changes({pipelines.change_id(repository, commit.sha) for commit in fact.commits}, repository, affected)


def _note_changes(changes: set[UUID], repository: Repository, affected: Affected) -> None:
    """Note which changes moved; so many that following each would take longer are noted as their whole repository."""
    if len(changes) > MANY:
        affected.repositories.add(repository.pk)
    else:
        affected.changes |= changes


def _settle(source: Source, affected: Affected) -> None:
    """Work out, once for all events of a batch, where the commits of a repository stand and which releases they are in."""
    repository = source.repository
    assert repository is not None
    _note_changes(pipelines.regraph(repository), repository, affected)
    derived = derive_tags(repository)
    affected.deployments |= derived.deployments
    affected.services |= derived.services
    if derived.names:
        # 1.2 and v1.2 are the same tag (see grounds._versions).
        spelled = [*derived.names, *(name.removeprefix("v") for name in derived.names)]
        own = Q(service=repository.service_id) if repository.service_id else Q()
        told = Deployment.objects.filter(
            own | Q(service__parts__repository=repository), sha="", version__in=spelled[:MANY]
        )
        affected.services |= set(told.values_list("service_id", flat=True).distinct())
        if len(spelled) > MANY:
            affected.repositories.add(repository.pk)


def translate(event: InboundEvent) -> list[Seen] | None:
    """Return the facts an event states, or None if its provider does not know the kind."""
    provider = PROVIDERS.get(event.source.kind)
    if provider is None:
        raise Unreadable(f"No provider is called “{event.source.kind}” any more. Change the kind of its source.")
    # A message that names no time of its own was so when it came.
    headers = {"received-at": event.received_at.isoformat(), **event.headers}
    message = Message(headers=headers, body=bytes(event.body), content_type=event.content_type)
    facts = provider.translate(event.kind, message, event.source.config)
    if facts:
        check_past(facts, event.received_at)
    return facts


def _keep_facts(event: InboundEvent, facts: list[Seen]) -> list[tuple[str, str]]:
    """Replace what the event said before by what it says now; return every thing either speaks about, once."""
    before = list(event.facts.values_list("kind", "key"))
    if before:
        event.facts.all().delete()
    Fact.objects.bulk_create(
        Fact(
            id=stable_id("fact", event.pk, number),
            event=event,
            kind=fact.kind,
            key=fact.key[:500],
            at=fact.at,
            data=fact.data(),
        )
        for number, fact in enumerate(facts)
    )
    return list(dict.fromkeys([*before, *((fact.kind, fact.key[:500]) for fact in facts)]))


def _close(event: InboundEvent, state: str, error: str = "") -> None:
    event.state, event.error = state, error[:10_000].replace("\0", "�")
    event.processed_at = clock.now()
    event.attempts += 1
    event.save(update_fields=["state", "error", "processed_at", "attempts"])


DERIVED: tuple[type[Model], ...] = (
    Fact,
    SeenName,
    Tag,
    Deployment,
    AcceptanceRun,
    Run,
    FlagState,
    Alert,
    Incident,
    Artifact,
    Mainline,
    Change,
)


def rebuild() -> int:
    """Empty everything derived and read the whole inbox again; return how many events were read.

    One transaction: pages show the old rows until the new ones are complete, and an interrupted rebuild changes nothing.
    What people wrote is kept (stories, moves, evidence by hand, links), and so is everything that people may have
    described since an event first named it: services, repositories, environments, releases. Only changes of stage that
    nobody knew before are news.
    """
    silent = list(Story.objects.filter(judge_digest="").values_list("pk", flat=True))
    with transaction.atomic(), announced_at_the_end(silent):
        hold("inbox")
        Evidence.objects.derived().delete()
        StoryLink.objects.filter(person__isnull=True).delete()
        for model in DERIVED:
            model._default_manager.all().delete()
        Environment.objects.filter(gone_at__isnull=False).update(gone_at=None)
        Story.objects.all().judge()
        InboundEvent.objects.update(state=InboundEvent.State.PENDING, error="")
        return drain_inbox()
