"""Taking the sample company away again."""

import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import ProtectedError, Q

from portal.accounts.models import User
from portal.kernel.models import AuditEntry, StateChange
from portal.kernel.outbox import publish
from portal.sample.company import CHANGES, GIT, PLACES, PUSH, SERVICES
from portal.sample.sample_stories import PEOPLE, SQUADS
from portal.search.events import SearchEmptied
from releases.inbox.models import InboundEvent, Source
from releases.incident_settings.models import Severity
from releases.models import (
    AcceptanceRun,
    Approval,
    Artifact,
    Change,
    CheckToken,
    Deployment,
    DeployOrder,
    Environment,
    FlagState,
    Freeze,
    FreezeLift,
    GateTemplate,
    GateTemplateVersion,
    Incident,
    IncidentReport,
    LearningRead,
    Mainline,
    Release,
    ReleaseContent,
    ReleaseTrain,
    Repository,
    Run,
    SchemaNaming,
    Snapshot,
    StoryLink,
    Tag,
    TagMove,
)
from squads.models import AcceptancePlan, Comment, Evidence, Retrospective, Service, Squad, Story


@transaction.atomic
def remove() -> bool:
    """Take the sample company away again; return False if it is not here.

    What others made stays: their stories in a sample squad keep the squad, and events of other sources keep what they made.
    """
    people = User.objects.filter(username__in=PEOPLE)
    mine = Source.objects.filter(key__in=(PUSH, CHANGES, GIT))
    if not people.exists() and not mine.exists():
        return False
    events = InboundEvent.objects.filter(source__in=mine)
    Tag.objects.filter(repository__sources__in=mine).delete()
    changes = Change.objects.filter(event__in=events)
    StoryLink.objects.filter(change__in=list(changes.values_list("pk", flat=True))).delete()
    for model in (Mainline, TagMove, Deployment, AcceptanceRun, Run, FlagState, IncidentReport, Artifact, Change):
        model._default_manager.filter(event__in=events).delete()
    _remove_what_people_said(people)
    _remove_what_was_learned(people)
    Story.objects.filter(created_by__in=people).delete()
    events.delete()
    AuditEntry.objects.filter(by=None, kind="source", key__in=(PUSH, CHANGES, GIT)).delete()
    mine.delete()
    CheckToken.objects.filter(created_by__in=people).delete()
    ReleaseTrain.objects.filter(created_by__in=people).delete()
    _remove_releases(people)
    Repository.objects.filter(key__startswith="market/", changes=None, sources=None).delete()
    Service.objects.filter(name__in=SERVICES, deployments=None, repositories=None, runs=None).delete()
    Squad.objects.filter(
        key_prefix__in=SQUADS, stories=None, services=None, retrospectives=None, retrospective_actions=None
    ).delete()
    Environment.objects.filter(
        key__in=[each[0] for each in PLACES],
        realm="market",
        deployments=None,
        acceptance_runs=None,
        incident_reports=None,
        incidents=None,
    ).delete()
    _forget(people)
    shutil.rmtree(Path(settings.STATE_DIR) / "sample", ignore_errors=True)
    publish(SearchEmptied())
    return True


def _remove_what_people_said(people: Any) -> None:
    """Take away what the sample's people said about stories, releases and when they go out."""
    for said in (ReleaseContent, SchemaNaming, DeployOrder, LearningRead, GateTemplate, GateTemplateVersion):
        said._default_manager.filter(by__in=people).delete()
    AcceptancePlan.objects.filter(by__in=people).delete()
    Approval.objects.filter(asked_by__in=people).delete()
    FreezeLift.objects.filter(by__in=people).delete()
    Freeze.objects.filter(created_by__in=people).delete()
    Comment.objects.filter(author__in=people).delete()
    Evidence.objects.filter(person__in=people).delete()


def _remove_what_was_learned(people: Any) -> None:
    """Take away incidents and retrospectives of the sample's people, and their severities unless others use them."""
    Retrospective.objects.filter(created_by__in=people).delete()
    Incident.objects.filter(created_by__in=people).delete()
    named = AuditEntry.objects.filter(by__in=people, kind="incident", did__startswith="added the severity ")
    Severity.objects.filter(name__in=named.values("key"), incidents=None).delete()


def _remove_releases(people: Any) -> None:
    """Take away what the sample's people and tags made. A snapshot outlives its release, but not one that was only a sample."""
    planned = AuditEntry.objects.filter(by__in=people, kind="release", did__startswith="created the release ")
    emptied = Release.objects.filter(
        Q(origin=Release.Origin.TAG) | Q(slug__in=planned.values("key")),
        line__in=("market", "OneHealth", "checkout", "app"),
        planned_stories=None,
        changes=None,
        tags=None,
    )
    ids = list(emptied.values_list("pk", flat=True))
    Snapshot.objects.filter(Q(by=None) | Q(by__in=people), release__in=ids).delete()
    Release.objects.filter(pk__in=ids).delete()


def _forget(people: Any) -> None:
    StateChange.objects.filter(by__in=people).delete()
    AuditEntry.objects.filter(by__in=people).delete()
    for person in people:
        try:
            person.delete()
        except ProtectedError:
            # Somebody built on what this sample person did; an inactive account does no harm.
            User.objects.filter(pk=person.pk).update(is_active=False)
