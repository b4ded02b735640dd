"""Acting as a GitHub App: its installation tokens, kept encrypted until they expire."""

import hashlib
from datetime import timedelta

from django.conf import settings

from portal.kernel import clock, http
from releases.allowed_hosts import actions as allowed_hosts
from releases.deployment_checks.models import AppToken
from releases.inbox.models import Source
from releases.providers import PROVIDERS
from releases.providers.base import PullRefused
from releases.providers.github.authentication import ACCEPT, installation_token
from releases.pulling.http_session import HttpSession

# A token that expires sooner is not used: the answer may come later than that.
SPARE = timedelta(minutes=2)
# GitHub’s are good for an hour; one that claims more is asked for again all the same.
LONGEST = timedelta(hours=1)
LIMITS = http.Limits(connect=10, read=15, whole=30, body=1024**2)


def session_with(source: Source) -> HttpSession:
    """Return a session with a source's system that isn't signed in yet. Close it when done."""
    provider = PROVIDERS.get(source.kind)
    base = str(source.config.get("url") or (provider.pulling.default_url if provider and provider.pulling else ""))
    try:
        client = http.HttpClient(
            allowed=allowed_hosts.allowed_hosts(), ca_bundle=settings.RODEO_CA_BUNDLE, limits=LIMITS
        )
    except http.BadAddress as error:
        raise PullRefused(str(error)) from None
    return HttpSession(base, client, per_minute=300, hidden=source.credential)


def sign_in(session: HttpSession, source: Source, installation: str = "") -> None:
    """Have a session act as the source's App. `installation` is the one that asks; without it, the source's own.

    Raises PullFailed or one of its kinds.
    """
    if not source.config.get("app_id") or not source.credential:
        raise PullRefused(
            f"GitHub takes this answer only from a GitHub App. Enter its App ID, installation ID and private key on {source}."
        )
    which = installation or str(source.config.get("installation_id") or "")
    session.sign_in({**ACCEPT, "Authorization": f"Bearer {_token(session, source, which)}"})


def _token(session: HttpSession, source: Source, installation: str) -> str:
    made_with = hashlib.sha256(f"{source.config['app_id']}\0{source.credential}".encode()).hexdigest()
    now = clock.now()
    known = AppToken.objects.filter(
        source=source, installation=installation, made_with=made_with, expires_at__gt=now + SPARE
    ).first()
    # One that a lost key encrypted can't be read any more.
    if known is not None and known.token:
        return known.token
    token, until = installation_token(session, source.config, source.credential, installation)
    expires = clock.parse(until)
    if expires is not None:
        kept = {"token": token, "made_with": made_with, "expires_at": min(expires, now + LONGEST)}
        AppToken.objects.update_or_create(source=source, installation=installation, defaults=kept)
    return token


def forget_tokens(source: Source) -> None:
    """Ask for a new token next time: GitHub rejected the one that is kept."""
    AppToken.objects.filter(source=source).delete()
