"""Asking whether something may be deployed: judged at that moment, never from memory, and written down.

Every asker's door calls `ask`. Tokens are made by leads of the squad that owns the service.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import F, Q

from portal.accounts.actions import LIFETIMES
from portal.kernel import clock
from portal.kernel.actors import Actor
from releases.deployment_checks.models import CheckToken, DeploymentCheck, Verdict
from releases.deployment_checks.queries import Meant, Question, meant_by, services_asked
from releases.gates.readiness import Readiness
from releases.planning.models import Release
from releases.readiness.queries import readiness_for_service, readiness_of
from squads.models import Service
from squads.teams.permissions import check_lead

# Days that answers are kept; the newest of every service stays.
KEEP_DAYS = 90
# The same answer within this time is counted in the row that is there.
ONE_ROW = timedelta(days=1)
MOST_TOKENS = 20
# What isn't known stops a deployment as what fails does, and what fails is said first.
WORST_FIRST = (Verdict.NOT_READY, Verdict.UNKNOWN, Verdict.READY)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: the verdict in one sentence, and the judgements behind it, one for each service."""

    question: Question
    verdict: str
    sentence: str
    at: datetime
    release: Release | None = None
    services: tuple[str, ...] = ()
    judged: tuple[Readiness, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether it may be deployed."""
        return self.verdict == Verdict.READY

    @property
    def worst(self) -> Readiness | None:
        """The judgement that decides."""
        return next((each for each in self.judged if each.verdict == self.verdict), None)


def ask(question: Question) -> Answer:
    """Judge now, write down who asked and what was answered, and return it. Unknown is never ready.

    Whoever isn't signed in, where reading is open to all, is answered and not written down: nobody knows who it was.
    """
    meant = meant_by(question)
    found = answered(question, meant)
    if question.by:
        _record(found, meant)
    return found


def answered(question: Question, meant: Meant) -> Answer:
    """Return the answer of this moment."""
    at = clock.now()
    if meant.release is None or meant.why:
        return Answer(question, Verdict.UNKNOWN, f"Unknown. {meant.why}", at, meant.release)
    names = tuple(each.name for each in meant.services)
    judged = _judged(meant.release, names if question.place else ())
    verdict = next(each for each in WORST_FIRST if any(one.verdict == each for one in judged))
    worst = next(each for each in judged if each.verdict == verdict)
    said = f"{worst.service}: {worst.sentence}" if len(judged) > 1 else worst.sentence
    return Answer(question, verdict, said, at, meant.release, names, judged)


def _judged(release: Release, services: Sequence[str]) -> tuple[Readiness, ...]:
    if services:
        return tuple(readiness_for_service(release, name) for name in services)
    return (readiness_of([release])[release.pk],)


@transaction.atomic
def _record(found: Answer, meant: Meant) -> None:
    """Write down what was answered about each service; the same as before is counted."""
    question = found.question
    own = _asking(question, meant)
    services: list[int | None] = [*own] or [None]
    same = DeploymentCheck.objects.filter(asker=question.asker, by=question.by, at__gt=found.at - ONE_ROW)
    newest: dict[int | None, DeploymentCheck] = {}
    for row in same.filter(Q(service__in=own) if own else Q(service=None)).order_by("-at", "-pk")[:500]:
        newest.setdefault(row.service_id, row)
    values = {
        "release_id": found.release.pk if found.release else None,
        "named": question.named,
        "environment": question.environment,
        "verdict": str(found.verdict),
        "sentence": found.sentence,
    }
    again = [pk for pk in services if pk in newest and {name: getattr(newest[pk], name) for name in values} == values]
    DeploymentCheck.objects.filter(pk__in=[newest[pk].pk for pk in again]).update(times=F("times") + 1, at=found.at)
    DeploymentCheck.objects.bulk_create(
        DeploymentCheck(
            asker=question.asker,
            by=question.by,
            service_id=pk,
            release_name=str(found.release or "")[:340],
            first_at=found.at,
            at=found.at,
            **values,
        )
        for pk in services
        if pk not in again
    )


def _asking(question: Question, meant: Meant) -> list[int]:
    """Return the services whose pipeline asks, whether or not any release ships what it asks about."""
    if question.service:
        return [question.service.pk]
    own = [each.service for each in meant.services]
    return own or (sorted(question.services_of_repository) if question.repository else [])


def prune(most: int) -> int:
    """Delete some of the answers that are older than they are kept; return how many. The newest of a service stays."""
    before = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=KEEP_DAYS)
    newest = services_asked().filter(last_check__isnull=False).values("last_check")  # type: ignore[misc]
    old = DeploymentCheck.objects.filter(at__lt=before).exclude(pk__in=newest).order_by("at", "pk")
    ids = list(old.values_list("pk", flat=True)[:most])
    return DeploymentCheck.objects.filter(pk__in=ids).delete()[0] if ids else 0


# Tokens


def check_owner(service: Service, by: Actor) -> None:
    """Refuse whoever doesn't lead the squad that owns a service; administrators may for one without owner."""
    if service.squad is not None:
        check_lead(service.squad, by, f"who asks about {service}")
    elif not by.is_staff:
        raise PermissionDenied(f"{service} has no owner yet, so only administrators can do this.")


@transaction.atomic
def create_token(service: Service, *, by: Actor, name: str, days: int) -> tuple[CheckToken, str]:
    """Make a token that asks about one service; return it and its secret, which nobody can see again."""
    check_owner(service, by)
    if days not in LIFETIMES:
        raise ValidationError({"days": "Choose 7, 30, 90 or 365 days."})
    if CheckToken.objects.filter(service=service, revoked_at=None, expires_at__gt=clock.now()).count() >= MOST_TOKENS:
        raise ValidationError(f"{service} already has {MOST_TOKENS} tokens, which is the most. Revoke one first.")
    token = CheckToken.lasting(days, by=by, service=service, name=name.strip())
    return token, token.issue(by=by)


def revoke_token(token: CheckToken, *, by: Actor) -> None:
    """Close a token for good. Saying it twice changes nothing."""
    check_owner(token.service, by)
    token.revoke(by=by)
