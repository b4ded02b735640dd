"""Hosts inside the company's own network that outbound requests may reach: listing, allowing and closing them.

Pages, API and outbound requests use these. `by` is always an administrator.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.urls import reverse

from portal.kernel import audit, clock, http
from portal.kernel.actors import Actor
from portal.kernel.models import StateChange
from portal.kernel.policy import check_administrator
from portal.kernel.transitions import signed
from releases.allowed_hosts.models import AllowedHost
from releases.providers.git.client import GitFailed

KIND = "allowedhost"
CLOSED, ALLOWED = "closed", "allowed"
LONGEST_NOTE = 200


def allowed_hosts() -> frozenset[str]:
    """Return the internal hosts that requests may reach: those on the page and those of RODEO_INTERNAL_HOSTS."""
    return frozenset({*AllowedHost.objects.values_list("host", flat=True), *configured_hosts()})


def configured_hosts() -> list[str]:
    """Return the hosts of RODEO_INTERNAL_HOSTS, normalised; entries that are no host are left out."""
    found = []
    for text in settings.RODEO_INTERNAL_HOSTS:
        try:
            found.append(http.plain_host(text))
        except http.BadAddress:
            continue
    return sorted(set(found))


def listed_hosts() -> QuerySet[AllowedHost]:
    """Return the allowed hosts by name, ready for a page."""
    return AllowedHost.objects.select_related("by").order_by("host", "pk")


@dataclass(frozen=True, slots=True)
class HostDecision:
    """One decision about a host, for the page's history."""

    host: str
    was: str
    who: str
    because: str
    at: datetime


def history(limit: int = 50) -> list[HostDecision]:
    """Return the newest decisions about hosts, newest first; those on hosts closed again too."""
    changes = StateChange.objects.filter(kind=KIND).select_related("by").order_by("-at", "-id")[:limit]
    return [
        HostDecision(
            each.key,
            "allowed" if each.to_state == ALLOWED else "removed",
            each.by.get_full_name() or each.by.get_username() if each.by else "Rodeo",
            each.because,
            each.at,
        )
        for each in changes
    ]


def _check_administrator(by: Actor) -> None:
    check_administrator(by, "manage allowed hosts")


def validate_host(text: str) -> str:
    """Return a host as it is stored; a ValidationError names the remedy for a text that is none or can never be reached."""
    text = text.strip()
    if not text:
        raise ValidationError({"host": "Enter a host, such as jenkins.example.org or 10.1.2.3."})
    if "*" in text:
        raise ValidationError({"host": "Enter one host at a time."})
    if "/" in text or "@" in text:
        raise ValidationError({"host": "Enter only the host, without https:// or a path: jenkins.example.org."})
    try:
        host = http.plain_host(text)
    except http.BadAddress as error:
        port = " Leave out the port; all ports are allowed." if ":" in text else ""
        raise ValidationError({"host": f"{error}{port}"}) from None
    try:
        network = http.place_of(ipaddress.ip_address(host))
    except ValueError:
        return host
    if network is http.Place.NOWHERE:
        raise ValidationError(
            {"host": f"{host} is {network.value}: it can’t be allowed. Enter the machine’s own address."}
        )
    return host


def allow(*, host: str, note: str = "", by: Actor) -> AllowedHost:
    """Allow requests to a host inside the company's network. `note` says what for; who allowed it is recorded."""
    _check_administrator(by)
    host, note = validate_host(host), note.strip()
    if len(note) > LONGEST_NOTE or any(ord(sign) < 32 for sign in note):
        raise ValidationError({"note": f"Use at most {LONGEST_NOTE} characters, without line breaks."})
    try:
        with transaction.atomic():
            row = AllowedHost.objects.create(host=host, note=note, by=by)
            _record_decision(host, CLOSED, ALLOWED, by, note)
    except IntegrityError:
        raise ValidationError({"host": f"{host} is already allowed."}) from None
    return row


def close(row: AllowedHost, *, by: Actor) -> None:
    """Close a host again. The next connection to it is refused, if it is inside the network."""
    _check_administrator(by)
    with transaction.atomic():
        deleted, _ = AllowedHost.objects.filter(pk=row.pk).delete()
        if deleted:
            _record_decision(row.host, ALLOWED, CLOSED, by, "")


def _record_decision(host: str, before: str, after: str, by: Actor, because: str) -> None:
    StateChange.objects.create(
        kind=KIND, key=host[:200], from_state=before, to_state=after, by=by, because=signed(by, because), at=clock.now()
    )
    did = f"{'allowed' if after == ALLOWED else 'removed'} the host {host}{f': {because}' if because else ''}"
    audit.record(by=by, did=did, kind="host", key=host)


def remedy(error: http.Closed) -> str:
    """Return why an address is closed, with a link to the page where an administrator may allow the host."""
    if not error.may_be_allowed:
        return str(error)
    return f"{error} See {settings.RODEO_BASE_URL}{reverse('releases:allowed_hosts:list')}"


def addresses_for_git(scheme: str, host: str, port: int) -> list[str]:
    """Return the addresses at which git may reach a host; raise GitFailed with the remedy where it may not."""
    allowed = allowed_hosts()
    try:
        return http.checked(host, port, allowed)
    except http.Closed as error:
        raise GitFailed(remedy(error)) from None
    except http.UnknownHost as error:
        if scheme == "ssh" and http.plain_host(host) in allowed:
            return []  # an alias of the machine's ssh configuration, which gives its address
        raise GitFailed(str(error)) from None
    except http.NotAnswered as error:
        raise GitFailed(str(error)) from None
