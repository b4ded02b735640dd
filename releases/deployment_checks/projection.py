"""From facts about questions to questions that wait for an answer."""

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

from portal.kernel import clock
from portal.kernel.stable_ids import stable_id
from portal.kernel.wake import wake
from releases.deployment_checks.models import WaitingCheck
from releases.inbox.affected import Affected
from releases.inbox.models import Fact
from releases.inbox.projection import Projection
from releases.providers.facts import DeploymentCheckAsked

State = WaitingCheck.State
KIND = DeploymentCheckAsked.kind
TASK = "releases.deployment_checks.tasks.answer_waiting"
# How long an asker is kept waiting for “ready” before it is told no.
DECIDE_WITHIN = timedelta(hours=24)
# Systems that ask again about the same commit and take another answer. GitHub asks each time with another address.
ANSWERED_AGAIN = frozenset({"gitlab"})


def project(key: str, facts: list[Fact], affected: Affected) -> None:
    """A question was asked, or nobody waits for its answer any more. What was answered stays so, whatever is read again.

    It is a new question once the system asks again.
    """
    newest = max(facts, key=lambda fact: (fact.at, fact.pk.hex))
    data = newest.data
    pk = stable_id(KIND, key)
    row = WaitingCheck.objects.filter(pk=pk).first()
    if data.get("withdrawn"):
        _thread(newest).filter(state=State.WAITING).update(state=State.WITHDRAWN, next_at=None)
        return
    event = newest.event
    if row is not None:
        again = row.state == State.WITHDRAWN or event.source.kind in ANSWERED_AGAIN
        if again and row.asked_at < newest.at:
            _wait(WaitingCheck.objects.filter(pk=pk), newest)
        return
    WaitingCheck.objects.create(
        pk=pk,
        source_id=event.source_id,
        event=event.pk,
        asked_at=newest.at,
        decide_by=newest.at + DECIDE_WITHIN,
        state=State.WITHDRAWN,
        thread=data["thread"][:300],
        answer_to=data["answer_to"],
        repository=data.get("repository", "")[:250],
        sha=data.get("sha", ""),
        environment=data.get("environment", "")[:120],
        service_name=data.get("service", "")[:130],
        release_slug=data.get("release", "")[:340],
        check_id=data.get("check", ""),
        installation=data.get("installation", ""),
        url=data.get("url", "")[:1000],
    )
    _wait(WaitingCheck.objects.filter(pk=pk), newest)


def _thread(newest: Fact) -> QuerySet[WaitingCheck]:
    return WaitingCheck.objects.filter(source=newest.event.source_id, thread=newest.data["thread"][:300])


def _wait(rows: QuerySet[WaitingCheck], newest: Fact) -> None:
    """Have a question answered, and no older one of its thread. One asked long ago, which is only read now, isn't."""
    others = _thread(newest).exclude(pk__in=rows.values("pk"))
    if newest.at + DECIDE_WITHIN < clock.now() or others.filter(asked_at__gt=newest.at).exists():
        return
    others.filter(state=State.WAITING).update(state=State.WITHDRAWN, next_at=None)
    if newest.event.source.kind in ANSWERED_AGAIN:
        rows.update(
            reports=0, reported="", reported_at=None, unsure="", unsure_sentence="", answered_at=None, sentence=""
        )
    rows.update(
        state=State.WAITING,
        asked_at=newest.at,
        decide_by=newest.at + DECIDE_WITHIN,
        next_at=clock.now(),
        attempts=0,
        error="",
    )
    transaction.on_commit(lambda: wake(TASK))


def withdraw(key: str, affected: Affected) -> None:
    """No event asks this any more, as it is read now."""
    rows = WaitingCheck.objects.filter(pk=stable_id(KIND, key), state=State.WAITING)
    rows.update(state=State.WITHDRAWN, next_at=None)


# A rebuild empties nothing here: what was answered was answered.
DEPLOYMENT_CHECKS = Projection(kind=KIND, project=project, withdraw=withdraw)
