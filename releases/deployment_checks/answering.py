"""Answering those who wait: GitHub’s deployment protection rules and GitLab’s external status checks.

Judged again before every answer. “Ready” is told at once; until then the asker waits, and after DECIDE_WITHIN it is told no
(docs/adr/0056). An answer is told once: what was acknowledged is never sent again.
"""

import logging
import re
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import F
from django.urls import reverse

from portal.kernel import clock
from releases.deployment_checks import actions, github_app
from releases.deployment_checks.actions import Answer
from releases.deployment_checks.models import WaitingCheck
from releases.deployment_checks.queries import question_of
from releases.inbox.models import Source
from releases.providers import PROVIDERS
from releases.providers.base import PullFailed, PullRefused, RateLimited
from releases.pulling.http_session import HttpSession

logger = logging.getLogger(__name__)
State = WaitingCheck.State
# Seconds for which one round answers; and how long a question is left alone whose worker was killed. That is longer than
# signing in and answering can take.
ROUND = 20.0
CLAIM = timedelta(seconds=120)
LOOK_AGAIN = timedelta(minutes=1)
FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=10), timedelta(minutes=10)
# GitHub takes ten answers to one request; the last of them is kept for the decision.
MOST_REPORTS = 9
REPORT_EVERY = timedelta(minutes=5)
LONGEST_COMMENT = 1024
REVIEWED = re.compile(r"(?:/api/v3)?/repos/[^/]+/[^/]+/actions/runs/[0-9]+/deployment_protection_rule")
# How a system says that a decision arrived before. GitLab never does: it takes any number of answers.
ANSWERED_BEFORE = {"github": (409, 422)}
EITHER = "It was approved and then rejected, and an answer got lost each time, so nobody knows which of them arrived."


def answer_waiting(seconds: float = ROUND) -> int:
    """Look at the questions that are due, oldest first, for at most so many seconds; return how many there were.

    Any number of processes may call this at once: each question is claimed with one guarded statement.
    """
    end, done = time.monotonic() + seconds, 0
    while time.monotonic() < end and (row := _claim_next()) is not None:
        _answer(row)
        done += 1
    return done


def _claim_next() -> WaitingCheck | None:
    waiting = WaitingCheck.objects.filter(state=State.WAITING)
    while pk := waiting.filter(next_at__lte=clock.now()).order_by("next_at", "pk").values_list("pk", flat=True).first():
        now = clock.now()
        if waiting.filter(pk=pk, next_at__lte=now).update(next_at=now + CLAIM):
            return WaitingCheck.objects.select_related("source").get(pk=pk)
    return None


def _answer(row: WaitingCheck) -> None:
    if row.source.state == Source.State.PAUSED:
        _note(row, next_at=clock.now() + LOOK_AGAIN, error=f"{row.source} is paused. Resume it to have this answered.")
        return
    try:
        found = actions.ask(question_of(row))
        decision = _decision(row, found)
        if decision or _is_news(row, found):
            _send(row, found, decision)
        else:
            _note(row, sentence=found.sentence, next_at=_next_look(row), error="")
    except RateLimited as limited:
        _note(row, error=str(limited), next_at=limited.until)
    except PullFailed as failed:
        _note_failure(row, failed)
    except Exception as error:
        logger.exception("the question %s could not be answered", row.pk)
        _note_failure(row, PullFailed(f"{type(error).__name__}: {error}"))


def _decision(row: WaitingCheck, found: Answer) -> str:
    if found.ready:
        return State.ALLOWED
    return State.REFUSED if clock.now() >= row.decide_by else ""


def _is_news(row: WaitingCheck, found: Answer) -> bool:
    """Say whether those who wait are to be told how it stands: at first, and when it changed, but not too often.

    After a decision that may have arrived and no longer holds, that shows whether it did; GitLab takes it for the newer answer.
    """
    if row.reports == 0 or (row.unsure and row.reports < MOST_REPORTS):
        return True
    if row.reports >= MOST_REPORTS or row.source.kind != "github" or found.sentence == row.reported:
        return False
    return row.reported_at is None or clock.now() - row.reported_at >= REPORT_EVERY


def _next_look(row: WaitingCheck) -> datetime:
    return min(clock.now() + LOOK_AGAIN, max(row.decide_by, clock.now() + FIRST_DELAY))


def _send(row: WaitingCheck, found: Answer, decision: str) -> None:
    """Tell the asker. What is sent is noted before: killed in between, a decision is sent again, and a report is not."""
    if not _note(row, **_before(row, found, decision)):
        return
    sentence = found.sentence
    try:
        with closing(github_app.session_with(row.source)) as session:
            SENDERS[row.source.kind](session, row, found, decision)
    except PullFailed as failed:
        if failed.status == 401:
            github_app.forget_tokens(row.source)
        if isinstance(failed, PullRefused | RateLimited) or 400 <= failed.status < 500:
            _note_refused(row, decision)
        if not (row.unsure and failed.status in ANSWERED_BEFORE.get(row.source.kind, ())):
            raise
        decision, sentence = row.unsure, row.unsure_sentence
    noted: dict[str, Any] = {"sentence": sentence, "error": "", "attempts": 0, "unsure": "", "unsure_sentence": ""}
    if decision:
        noted |= {"state": decision, "answered_at": clock.now(), "next_at": None}
    else:
        noted["next_at"] = _next_look(row)
    if decision == State.FAILED:
        noted["error"] = sentence
    _note(row, **noted)


def _before(row: WaitingCheck, found: Answer, decision: str) -> dict[str, Any]:
    """Return what is noted before something is sent."""
    if not decision:
        return {"reports": F("reports") + 1, "reported": found.sentence, "reported_at": clock.now()}
    if row.unsure == decision:
        return {"unsure": decision}
    if row.unsure:
        return {"unsure": State.FAILED, "unsure_sentence": EITHER}
    return {"unsure": decision, "unsure_sentence": found.sentence}


def _note_refused(row: WaitingCheck, decision: str) -> None:
    """Note that what was sent just now did not arrive: it was refused, or never sent. What was sent before it may have."""
    undone = (
        {"unsure": row.unsure, "unsure_sentence": row.unsure_sentence}
        if decision
        else {"reports": F("reports") - 1, "reported": "", "reported_at": None}
    )
    _note(row, **undone)


def _note(row: WaitingCheck, **values: Any) -> bool:
    """Write this down, unless it was withdrawn or asked anew meanwhile; return whether it was written."""
    same = WaitingCheck.objects.filter(pk=row.pk, state=State.WAITING, asked_at=row.asked_at)
    return bool(same.update(**values))


def _note_failure(row: WaitingCheck, failed: PullFailed) -> None:
    """Note what went wrong, and when to try again; given up once that lasted longer than messages are retried."""
    now = clock.now()
    over = now >= row.decide_by + timedelta(seconds=settings.RODEO_OUTBOX_RETRY_FOR)
    delay = min(FIRST_DELAY * 2 ** min(row.attempts, 20), LONGEST_DELAY)
    state = {"state": State.FAILED, "next_at": None} if over else {"next_at": now + delay}
    _note(row, error=str(failed)[:2000], attempts=F("attempts") + 1, **state)


# What each system takes


def _tell_github(session: HttpSession, row: WaitingCheck, found: Answer, decision: str) -> None:
    if not session.reaches(row.answer_to):
        raise PullRefused("The answer was to go to another server than this source’s GitHub, so nothing was sent.")
    # On GitHub’s own server the App may do more than answer.
    if not REVIEWED.fullmatch(urlsplit(row.answer_to).path):
        raise PullRefused("The event names an address where GitHub takes no such answers, so nothing was sent.")
    github_app.sign_in(session, row.source, row.installation)
    said = {"environment_name": row.environment, "comment": comment(found, row.decide_by, decision)}
    if decision:
        said["state"] = "approved" if decision == State.ALLOWED else "rejected"
    session.post(row.answer_to, said)


def _tell_gitlab(session: HttpSession, row: WaitingCheck, found: Answer, decision: str) -> None:
    if not row.source.credential:
        raise PullRefused(f"GitLab takes this answer only with a token. Enter one with the scope api on {row.source}.")
    pulling = PROVIDERS["gitlab"].pulling
    assert pulling is not None
    session.sign_in(pulling.headers(session, row.source.config, row.source.credential))
    status = {State.ALLOWED: "passed", State.REFUSED: "failed"}.get(State(decision), "") if decision else "pending"
    session.post(row.answer_to, {"sha": row.sha, "external_status_check_id": int(row.check_id), "status": status})


SENDERS: dict[str, Callable[[HttpSession, WaitingCheck, Answer, str], None]] = {
    "github": _tell_github,
    "gitlab": _tell_gitlab,
}


def address_of(found: Answer) -> str:
    """Return the address of the page that says why."""
    if found.release is None:
        return str(settings.RODEO_BASE_URL)
    return settings.RODEO_BASE_URL + reverse("releases:deployment_checks:release", args=[found.release.slug])


def comment(found: Answer, decide_by: datetime, decision: str = "") -> str:
    """Return the answer in Markdown, in LONGEST_COMMENT characters at most: gates that don't fit are counted."""
    end = f"\n\n[{found.release or 'Rodeo'}]({address_of(found)})"
    if not decision:
        end = f"\n\nRodeo decides when it’s ready, at the latest at {decide_by:%Y-%m-%d %H:%M} UTC.{end}"
    gates = [] if found.worst is None else [f"- **{each.title}**: {each.reason}" for each in found.worst.blocking]
    head = found.sentence
    room = LONGEST_COMMENT - len(end)
    if len(head) > room:
        return head[: room - 1] + "…" + end
    for shown in range(len(gates), -1, -1):
        more = [f"- {len(gates) - shown} more"] if shown < len(gates) else []
        text = "\n".join([head, *([""] if gates else []), *gates[:shown], *more])
        if len(text) <= room:
            return text + end
    return head + end
