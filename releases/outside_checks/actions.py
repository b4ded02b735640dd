"""Outside checks: adding and removing them, and asking. The row that says so is there before anything is asked."""

import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, When

from portal.kernel import audit, clock, http
from portal.kernel.actors import Actor
from portal.kernel.models import StateChange
from portal.kernel.paging import Newest, newest
from portal.kernel.policy import check_manager
from portal.kernel.text_input import plain
from portal.kernel.transitions import signed
from releases.allowed_hosts import actions as allowed_hosts
from releases.approvals.queries import content_now
from releases.outside_checks.models import OutsideAnswer, OutsideCheck
from releases.planning.models import Release

KIND = "outside check"
CHANGE = "change outside checks"
# How old an answer may be before the check is asked again, and how long one attempt holds others off.
EVERY, LEASE = timedelta(minutes=5), timedelta(minutes=2)
LIMITS = http.Limits(connect=5, read=10, whole=20, body=256 * 1024)
MOST_CHECKS, MOST_RELEASES, AT_ONCE = 20, 200, 100
LONGEST = {"name": 80, "url": 1000, "path": 200, "expected": 200, "header": 80, "secret": 2000}
SUCCESS, FAILURE, UNKNOWN = "success", "failure", ""
# It couldn't answer, or wouldn't to us: that says nothing about the release.
NO_ANSWER = {401, 407, 408, 425, 429}
PLACES = ("version", "line", "slug")


@transaction.atomic
def add_check(
    *,
    by: Actor,
    name: str,
    url: str,
    release: Release | None = None,
    line: str = "",
    path: str = "",
    expected: str = "",
    header: str = "",
    secret: str = "",
) -> OutsideCheck:
    """Add a check of one release, or of every release of a line ("": of every line). It's asked within seconds.

    Raises PermissionDenied; ValidationError naming the field.
    """
    check_manager(by, CHANGE)
    said = {"name": name, "url": url, "path": path, "expected": expected, "header": header}
    said = {key: plain(value) for key, value in said.items()}
    said["secret"] = secret.strip()
    line = "" if release else plain(line)
    _check(said, line)
    same = OutsideCheck.objects.filter(release=release, line=line, removed_at=None)
    if same.count() >= MOST_CHECKS:
        raise ValidationError({"name": f"There can be up to {MOST_CHECKS} checks. Remove one first."})
    try:
        with transaction.atomic():
            row = OutsideCheck.objects.create(release=release, line=line, by=by, **said)
    except IntegrityError:
        raise ValidationError({"name": f"There’s already a check {said['name']}. Choose another name."}) from None
    _record(row, "", "there", by)
    want(release or None, check=row)
    return row


def _check(said: dict[str, str], line: str) -> None:
    errors = {}
    for key, most in LONGEST.items():
        if len(said[key]) > most:
            errors[key] = f"Use {most} characters or fewer."
    if len(line) > 120:
        errors["line"] = "A line can have up to 120 characters."
    if not said["name"]:
        errors["name"] = "Enter a name, such as change management."
    try:
        http.address(address_for(said["url"], Release(version="1", line="x", slug="x")))
    except http.BadAddress as error:
        errors["url"] = str(error)
    if bool(said["path"]) != bool(said["expected"]):
        name = "expected" if said["path"] else "path"
        errors[name] = "Fill in both the JSON path and its value, or neither."
    if said["secret"] and not said["header"]:
        errors["header"] = "Enter the header that carries the secret, such as Authorization."
    if said["header"] and not said["secret"]:
        errors["secret"] = f"Enter the value of {said['header']}."
    if errors:
        raise ValidationError(errors)


@transaction.atomic
def remove_check(check: OutsideCheck, *, by: Actor) -> None:
    """Remove a check: it's asked no more, and no gate waits for it. Its secret is deleted. Saying it twice changes nothing."""
    check_manager(by, CHANGE)
    gone = {"removed_at": clock.now(), "removed_by": by, "secret": ""}
    if OutsideCheck.objects.filter(pk=check.pk, removed_at=None).update(**gone):
        _record(check, "there", "removed", by)


def _record(check: OutsideCheck, before: str, after: str, by: Actor) -> None:
    where = str(check.release) if check.release else check.line or "every line"
    key = check.release.slug if check.release else check.line
    shown = f"{check.name}: {check.url}"
    StateChange.objects.create(
        kind=KIND, key=key[:200], from_state=before, to_state=after, by=by, because=signed(by, shown), at=clock.now()
    )
    verb = "added to" if after == "there" else "removed from"
    audit.record(by=by, did=f"{verb} the outside checks of {where}: {shown}", kind="release", key=key)


def checks_of(release: Release) -> Any:
    """Return the checks that are asked about a release: its own, its line's, and those of every line."""
    rows = OutsideCheck.objects.filter(removed_at=None)
    return rows.filter(Q(release=release) | Q(release=None, line__in=["", release.line]))


def want(release: Release | None, check: OutsideCheck | None = None) -> None:
    """Have the checks of a release asked at the next opportunity, within seconds; one that is asked now isn't asked twice."""
    if release is None:
        return
    checks = [check] if check is not None else list(checks_of(release))
    now = clock.now()
    rows = [OutsideAnswer(of=each, release=release, wanted_at=now) for each in checks]
    OutsideAnswer.objects.bulk_create(rows, ignore_conflicts=True)
    OutsideAnswer.objects.filter(of__in=checks, release=release, wanted_at=None).update(wanted_at=now)


def asked_about(now: datetime) -> Newest[Release]:
    """Return the open releases that checks are asked about by themselves, the next by target date first; about others, when
    somebody wants it."""
    next_first = (F("planned_for").asc(nulls_last=True), "-created_at", "pk")
    return newest(Release.objects.ahead(now).order_by(*next_first), MOST_RELEASES)


def note_due() -> list[int]:
    """Note which checks are to be asked now: those somebody wants, and those of open releases whose answer is old or missing."""
    checks = list(OutsideCheck.objects.filter(removed_at=None))
    if not checks:
        return []
    now = clock.now()
    releases = list(asked_about(now))
    asked = [
        OutsideAnswer(of=check, release=release, wanted_at=now)
        for check in checks
        for release in releases
        if check.release_id in (None, release.pk) and check.line in ("", release.line)
    ]
    OutsideAnswer.objects.bulk_create(asked, ignore_conflicts=True, batch_size=500)
    here = OutsideAnswer.objects.filter(of__removed_at=None)
    here.filter(release__in=releases, at__lt=now - EVERY, wanted_at=None).update(wanted_at=now)
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    due = here.filter(free, wanted_at__lte=now).order_by("wanted_at", "pk")
    return list(due.values_list("pk", flat=True)[:AT_ONCE])


class Said(NamedTuple):
    """What an outside system said."""

    outcome: str
    detail: str


def ask(pk: int) -> bool:
    """Ask one check about one release, and keep the answer; False if somebody else asks it now, or nobody wants it.

    An answer that comes so late that somebody asked again meanwhile is dropped: theirs is newer.
    """
    now = clock.now()
    lease = now + LEASE
    free = OutsideAnswer.objects.filter(pk=pk, wanted_at__isnull=False, of__removed_at=None)
    taken = free.filter(Q(leased_until=None) | Q(leased_until__lte=now)).update(leased_until=lease)
    row = OutsideAnswer.objects.select_related("of", "release").filter(pk=pk).first() if taken else None
    if row is None:
        return False
    content = content_now(row.release).digest
    said = answer_of(row.of, row.release)
    same = row.at is not None and (row.outcome, row.content) == (said.outcome, content)
    kept = OutsideAnswer.objects.filter(pk=pk, leased_until=lease).update(
        outcome=said.outcome,
        detail=said.detail[:300],
        content=content,
        at=now,
        since=row.since if same else now,
        leased_until=None,
        # What somebody wanted after it was asked is asked again.
        wanted_at=Case(When(wanted_at__gt=now, then=F("wanted_at"))),
    )
    return bool(kept)


def address_for(url: str, release: Release) -> str:
    """Return the address that is asked about a release."""
    for name in PLACES:
        url = url.replace("{" + name + "}", quote(str(getattr(release, name)), safe=""))
    return url


def answer_of(check: OutsideCheck, release: Release) -> Said:
    """Ask, and say what the answer means. Nothing that isn't an answer is taken for yes or no."""
    headers = {"Accept": "application/json", **({check.header: check.secret} if check.header else {})}
    allowed = allowed_hosts.allowed_hosts()
    try:
        with http.HttpClient(allowed=allowed, ca_bundle=settings.RODEO_CA_BUNDLE, limits=LIMITS) as client:
            answer = client.ask(address_for(check.url, release), headers=headers)
    except http.Closed as error:
        return Said(UNKNOWN, allowed_hosts.remedy(error))
    except (http.NotAnswered, http.BadAddress) as error:
        return Said(UNKNOWN, str(error))
    if answer.status >= 500 or answer.status in NO_ANSWER:
        return Said(UNKNOWN, f"It answered with status {answer.status}, which is neither yes nor no.")
    if not 200 <= answer.status < 300:
        return Said(FAILURE, f"It said no, with status {answer.status}.")
    if not check.path:
        return Said(SUCCESS, f"It said yes, with status {answer.status}.")
    said = _value(answer.body, check.path)
    return Said(said.outcome, said.detail) if said.outcome == UNKNOWN else _compared(said.detail, check)


def _value(body: bytes, path: str) -> Said:
    """Return what stands at a path of a JSON document, as text, under an outcome that isn't UNKNOWN if it is there."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return Said(UNKNOWN, "Its answer isn’t JSON.")
    for name in path.split("."):
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(found):
            found = found[int(name)]
        else:
            return Said(UNKNOWN, f"Its answer has no {path}.")
    return Said(SUCCESS, found if isinstance(found, str) else json.dumps(found, ensure_ascii=False))


def _compared(value: str, check: OutsideCheck) -> Said:
    # The secret goes first: a part of it is a secret too.
    shown = value.replace(check.secret, "…") if check.secret else value
    shown = shown if len(shown) <= 80 else f"{shown[:79]}…"
    if value == check.expected:
        return Said(SUCCESS, f"{check.path} is {shown}.")
    return Said(FAILURE, f"{check.path} is {shown}, and must be {check.expected}.")
