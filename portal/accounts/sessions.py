"""Where somebody is signed in: a row for each browser, ending one session or all of them.

All sessions of an account end at once by a new number in what a session must match (`User.session_epoch`), so that not
even a session that nobody knows of lives on.
"""

import hashlib
import logging
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, update_session_auth_hash
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import F, QuerySet
from django.http import HttpRequest

from portal.accounts.models import User, UserSession
from portal.kernel import clock
from portal.kernel.locks import waiting_briefly

logger = logging.getLogger(__name__)
NOTED_EVERY = timedelta(minutes=10)
# In the session itself, so that a request need not ask whether its session was noted.
NOTED = "noted"


def digest_of(session_hash: str) -> str:
    """Return what tells two session hashes apart, of which nothing can be made."""
    return hashlib.sha256(session_hash.encode()).hexdigest()[:32]


def note(request: HttpRequest, address: str, person: User | None = None) -> None:
    """Remember that this browser's session was used, at most every ten minutes. Never raises: pages go before it.

    `person` is who just signed in; otherwise it is the request's.
    """
    session = request.session
    if SESSION_KEY not in session:
        return
    mark = [session.session_key, digest_of(str(session.get(HASH_SESSION_KEY, "")))]
    now = clock.now()
    *known, at = session.get(NOTED) or ["", "", 0]
    if known == mark and 0 <= now.timestamp() - at < NOTED_EVERY.total_seconds():
        return
    try:
        if person is not None or request.user.is_authenticated:
            with waiting_briefly():
                _note(request, address, person or request.user)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("a session was not noted (%s)", type(error).__name__)


def _note(request: HttpRequest, address: str, person: Any) -> None:
    session, now = request.session, clock.now()
    if session.session_key is None:
        session.save()
    elif not session.exists(session.session_key):
        # Ended while this request was under way.
        return
    digest = digest_of(str(session.get(HASH_SESSION_KEY, "")))
    with transaction.atomic():
        seen = {
            "user_id": person.pk,
            "digest": digest,
            "address": address[:45],
            "browser": request.headers.get("User-Agent", "")[:300].replace("\0", ""),
            "seen_at": now,
        }
        UserSession.objects.update_or_create(
            session_id=session.session_key, defaults=seen, create_defaults={**seen, "created_at": now}
        )
        User.objects.filter(pk=person.pk).update(last_seen_at=now)
    session[NOTED] = [session.session_key, digest, now.timestamp()]


def sessions_of(person: User) -> "QuerySet[UserSession]":
    """Return the sessions that this person could go on with, the last used first."""
    good = digest_of(person.get_session_auth_hash())
    rows = UserSession.objects.filter(user=person, digest=good, session__expire_date__gt=clock.now())
    return rows.order_by("-seen_at", "pk")


def own_session(person: User, name: str) -> UserSession | None:
    """Return the one of a person's sessions with this public id."""
    return next((row for row in sessions_of(person).iterator() if row.public_id == name), None)


def end(row: UserSession) -> None:
    """Sign one browser out."""
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    store(row.pk).delete()


def end_all(person: User, *, but: HttpRequest | None = None) -> None:
    """Sign a person out everywhere; `but` keeps the session of this request. API tokens go on working."""
    with transaction.atomic():
        User.objects.filter(pk=person.pk).update(session_epoch=F("session_epoch") + 1)
        person.session_epoch = User.objects.values_list("session_epoch", flat=True).get(pk=person.pk)
        ended = UserSession.objects.filter(user=person)
        if but is not None:
            ended = ended.exclude(pk=but.session.session_key or "")
        store: Any = import_module(settings.SESSION_ENGINE).SessionStore
        store.get_model_class().objects.filter(pk__in=ended.values("pk")).delete()
    if but is not None:
        # The user of a request is lazy: give it the number that the session must now match.
        but.user.session_epoch = person.session_epoch  # type: ignore[union-attr]
        update_session_auth_hash(but, but.user)  # type: ignore[arg-type]
        # This browser stays known (portal/accounts/devices.py).
        but.signed_in_now = person  # type: ignore[attr-defined]
