"""What events of git repositories become: commits, the mainline, tags and releases. They are far too many to be facts."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from portal.kernel.versions import spellings
from releases.deployments.models import Deployment
from releases.inbox.affected import Affected
from releases.inbox.models import InboundEvent, Source
from releases.pipelines import actions as pipelines
from releases.pipelines.models import Mainline, Repository
from releases.planning.tags import derive_tags
from releases.providers.facts import CommitsSeen, RefsSeen, Seen, Unreadable

# So many changes are noted as their whole repository: following each would take longer.
MANY = 1000


def apply(event: InboundEvent, facts: Iterable[Seen], affected: Affected) -> bool:
    """Store the commits and refs that an event tells of; return whether it told of any."""
    found = False
    for fact in facts:
        if isinstance(fact, CommitsSeen | RefsSeen):
            _apply(event, fact, affected)
            found = True
    return found


def _apply(event: InboundEvent, fact: CommitsSeen | RefsSeen, affected: Affected) -> None:
    repository = event.source.repository
    if repository is None:
        raise Unreadable("The source has no repository. Edit the source and choose one, then reprocess this event.")
    branch = Mainline.objects.filter(repository=repository).values_list("branch", flat=True).first()
    if isinstance(fact, RefsSeen):
        # Which runs count depends on what the mainline is called.
        if pipelines.apply_refs(event, repository, fact) and branch != fact.branch[:250]:
            affected.repositories.add(repository.pk)
        return
    stories = pipelines.apply_commits(event, repository, fact)
    if branch is not None and pipelines.any_are_parents(repository, {commit.sha for commit in fact.commits}):
        # Known commits beside the mainline reach further back now.
        affected.repositories.add(repository.pk)
    if branch is None and len(fact.commits) > MANY:
        return  # part of a first import: nobody knows yet what is on the mainline, and the first look concerns them all
    affected.stories |= stories
    _note_changes({pipelines.change_id(repository, commit.sha) for commit in fact.commits}, repository, affected)


def _note_changes(changes: set[UUID], repository: Repository, affected: Affected) -> None:
    if len(changes) > MANY:
        affected.repositories.add(repository.pk)
    else:
        affected.changes |= changes


def place_commits(source: Source, affected: Affected) -> None:
    """Work out, once for all events of a batch, where the commits of a repository stand and which releases they are in."""
    repository = source.repository
    assert repository is not None
    _note_changes(pipelines.recompute_positions(repository), repository, affected)
    derived = derive_tags(repository)
    affected.deployments |= derived.deployments
    affected.services |= derived.services
    if derived.names:
        _note_deployed_versions(repository, derived.names, affected)


def _note_deployed_versions(repository: Repository, tags: Iterable[str], affected: Affected) -> None:
    """Note the services with deployments that name one of these tags as their version and tell no commit."""
    names = list(tags)
    # 1.2 and v1.2 are the same tag (evidence.service_history reads versions that way too).
    spelled = sorted({each for name in names for each in spellings(name)})
    own = Q(service=repository.service_id) if repository.service_id else Q()
    named = Deployment.objects.filter(
        own | Q(service__parts__repository=repository), sha="", version__in=spelled[:MANY]
    )
    affected.services |= set(named.values_list("service_id", flat=True).distinct())
    if len(spelled) > MANY:
        affected.repositories.add(repository.pk)
