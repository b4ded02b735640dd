"""What people do with incidents. Pages, the API and imports call these: whoever may plan, programs of squads included."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.accounts.models import User
from portal.kernel import clock, outbox
from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from portal.kernel.models import StateChange
from portal.kernel.transitions import AlreadyMoved, ChangedMeanwhile, signed
from releases.environments.models import Environment
from releases.events import IncidentChanged, IncidentSaved
from releases.incident_settings.models import Severity
from releases.incidents.effective import FIELDS, LABELS, LIST_FIELDS, ROLES, TIME_FIELDS, to_json
from releases.incidents.incident_clock import BY_DAY
from releases.incidents.models import Incident, IncidentCorrection, IncidentReport, IncidentUpdate, ReportPlacement
from releases.incidents.queries import SPLIT_FROM, UNDID_SPLIT, split_from
from releases.incidents.threads import announce, follow_thread, next_number, refold, span_of
from squads.models import Service
from squads.teams.permissions import check_planner

WHO = "Only project managers and squad members can write about incidents. Join or create a squad first."
LONGEST_TITLE, LONGEST_TEXT, LONGEST_LINE, LONGEST_REASON = 300, 10_000, 280, 500
# Clocks of two machines differ.
AHEAD = timedelta(minutes=5)
# What a person says of an incident in one word, with the field that is now, or empty again.
STATES = {"mitigated": ("mitigated_at", True), "resolved": ("resolved_at", True), "reopened": ("resolved_at", False)}


class SaidAlready(AlreadyMoved):
    """An incident is in another state than the person saw."""

    def __init__(self, incident: Incident, wanted: str, said: str) -> None:
        super().__init__(incident.key, wanted, incident.state)
        self.args = (said,)


@transaction.atomic
def open_incident(*, by: Actor, because: str = "", imported_as: str | None = None, **said: Any) -> Incident:
    """Open an incident by hand. Without any time it is declared now.

    Raises ValidationError naming the field, or PermissionDenied.
    """
    check_planner(by, WHO)
    now = clock.now()
    if not any(said.get(name) for name in TIME_FIELDS):
        said["declared_at"] = now
    values = _checked(said, bool(said.get("is_maintenance")))
    if not values.get("title"):
        raise ValidationError({"title": "Say what is wrong, in a few words."})
    incident = Incident.objects.create(
        number=next_number(), title=values["title"], created_by=by, created_at=now, imported_as=imported_as
    )
    _keep(
        incident, {name: value for name, value in values.items() if value not in (None, [], "", False, {})}, by, because
    )
    refold([incident.pk])
    outbox.publish(IncidentSaved(ids=[str(incident.pk)]))
    incident.refresh_from_db()
    return incident


@transaction.atomic
def correct(
    incident: Incident, *, by: Actor, because: str = "", seen: Mapping[str, Any] | None = None, **said: Any
) -> list[str]:
    """Correct fields of an incident; return the names of those that are otherwise now.

    `seen` are the values that the person began from: what they left as it was isn't corrected, and what somebody else
    changed since isn't overwritten. Raises ChangedMeanwhile naming it, ValidationError naming the field, or PermissionDenied.
    """
    check_planner(by, WHO)
    incident = Incident.objects.select_for_update().get(pk=incident.pk)
    check_standing(incident)
    current = as_json(incident)
    values = _checked(said, bool(said.get("is_maintenance", incident.is_maintenance)), current)
    if "title" in values and not values["title"]:
        raise ValidationError({"title": "Say what is wrong, in a few words."})
    changed = {}
    for name, value in values.items():
        if value == current[name] or (seen is not None and value == seen.get(name)):
            continue
        if seen is not None and current[name] != seen.get(name):
            raise ChangedMeanwhile(f"the {LABELS[name]} of {incident.key}")
        changed[name] = value
    if changed:
        _save(incident, changed, by, because, current)
    return list(changed)


def _save(incident: Incident, changed: Mapping[str, Any], by: Actor, because: str, current: Mapping[str, Any]) -> None:
    """Keep what a person changed, and tell."""
    days = current["stated"].get(BY_DAY, {})
    if days.keys() & changed.keys():
        # Of what somebody corrects, more than the day is known.
        left = {BY_DAY: {name: True for name in days if name not in changed}}
        changed = {**changed, "stated": {**current["stated"], **left}}
    _keep(incident, changed, by, because, current)
    bring_back(incident)
    refold([incident.pk])
    outbox.publish(IncidentSaved(ids=[str(incident.pk)]))


@transaction.atomic
def move_now(incident: Incident, *, by: Actor, state: str, because: str = "") -> None:
    """Say that an incident is mitigated or resolved now, or goes on. What somebody said before isn't overwritten: correct that.

    Raises AlreadyMoved naming who was first, ValidationError naming the field, or PermissionDenied.
    """
    check_planner(by, WHO)
    if state not in STATES:
        raise ValidationError({"state": "Choose mitigated, resolved or reopened."})
    incident = Incident.objects.select_for_update().get(pk=incident.pk)
    check_standing(incident)
    field, is_now = STATES[state]
    ended = incident.resolved_at or (incident.mitigated_at if state == "mitigated" else None)
    if is_now == (ended is not None):
        raise SaidAlready(incident, state, _said_before(incident, state))
    changed = {field: to_json(field, clock.now() if is_now else None)}
    _save(incident, changed, by, because, as_json(incident))


def _said_before(incident: Incident, wanted: str) -> str:
    """Say why an incident can't be moved: what it is, since when, and who said so."""
    over = incident.resolved_at is not None
    field = "resolved_at" if over or wanted != "mitigated" else "mitigated_at"
    at, said = getattr(incident, field), incident.corrections.filter(field=field).select_related("by").last()
    if at is None:
        if said is None:
            return f"{incident.key} is open: nobody has said that it’s resolved."
        return f"{incident.key} is open already: {said.by.name} said so {said.at:%Y-%m-%d %H:%M} UTC."
    is_own = said is not None and clock.parse(said.after) == at
    who = said.by.name if said is not None and is_own else "reports"
    word = "resolved" if field == "resolved_at" else "mitigated"
    return f"{incident.key} is {word} already, at {at:%Y-%m-%d %H:%M} UTC: {who} said so. Edit it if that’s wrong."


def bring_back(*incidents: Incident) -> bool:
    """Make incidents of those again that were withdrawn, as somebody wrote on them; return whether any was."""
    pks = [each.pk for each in incidents]
    return bool(Incident.objects.filter(pk__in=pks, withdrawn_at__isnull=False).update(withdrawn_at=None))


def check_standing(incident: Incident) -> None:
    """Refuse to write about an incident that was merged into another one."""
    if incident.merged_into is not None:
        raise ValidationError(f"{incident.key} was merged into {incident.merged_into.key}. Change that one.")


@transaction.atomic
def write_update(
    incident: Incident, *, by: Actor, text: str, public: str = "", happened_at: datetime | None = None
) -> IncidentUpdate:
    """Write an update. Raises ValidationError naming the field, or PermissionDenied."""
    check_planner(by, WHO)
    check_standing(incident)
    text, public = text.strip(), public.strip()
    if not text:
        raise ValidationError({"text": "Say what happened."})
    for name, value, most in (("text", text, LONGEST_TEXT), ("public", public, LONGEST_LINE)):
        if len(value) > most:
            raise ValidationError({name: f"This has over {most} characters. Shorten it."})
    if "\n" in public:
        raise ValidationError({"public": "This is one line. Put the rest into the update."})
    now = clock.now()
    _check_time("happened_at", happened_at, planned=False)
    made = IncidentUpdate.objects.create(
        incident=incident, text=text, public=public, happened_at=min(happened_at or now, now), by=by, written_at=now
    )
    if bring_back(incident):
        outbox.publish(IncidentSaved(ids=[str(incident.pk)]))
    else:
        outbox.publish(IncidentChanged(ids=[str(incident.pk)]))
    return made


def as_json(incident: Incident) -> dict[str, Any]:
    """Return the fields of an incident as corrections keep them."""
    values: dict[str, Any] = {
        name: getattr(incident, name) for name in ("title", "is_maintenance", "stated", *TIME_FIELDS)
    }
    values |= {name: getattr(incident, f"{name}_id") for name in ("severity", *ROLES)}
    values |= {name: [each.pk for each in getattr(incident, name).all()] for name in LIST_FIELDS}
    return {name: to_json(name, values[name]) for name in FIELDS}


def _checked(said: Mapping[str, Any], planned: bool, kept: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return values as corrections keep them. What stays as it is kept may. Raises ValidationError naming the field."""
    values: dict[str, Any] = {}
    for name, value in said.items():
        plain = to_json(name, _plain(value))
        if kept is not None and plain == kept[name]:
            values[name] = plain
            continue
        if name in TIME_FIELDS:
            _check_time(name, value, planned=planned)
        elif name in ROLES and isinstance(value, User) and (value.program_of_id or not value.is_active):
            raise ValidationError({name: f"{value.name} can’t be {name}. Choose a person who can sign in."})
        elif name == "title" and len(value.strip()) > LONGEST_TITLE:
            raise ValidationError({name: f"This has over {LONGEST_TITLE} characters. Shorten it."})
        values[name] = plain
    return values


def _plain(value: Any) -> Any:
    """Return rows as their pk, texts without the spaces around them, and moments to the second they name."""
    if isinstance(value, Severity | User | Service | Environment):
        return value.pk
    if isinstance(value, str):
        return value.replace("\0", "").strip()
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        return sorted(_plain(each) for each in value)
    return value


def _check_time(name: str, at: datetime | None, *, planned: bool) -> None:
    if at is None:
        return
    if clock.parse(at) is None:
        raise ValidationError({name: "Choose a time after 1970."})
    if at > clock.now() + AHEAD and not planned:
        raise ValidationError({name: "This is in the future. Check the day and the time zone."})


def _keep(
    incident: Incident, values: Mapping[str, Any], by: Actor, because: str, before: Mapping[str, Any] | None = None
) -> None:
    because = because.strip()
    if len(because) > LONGEST_REASON:
        raise ValidationError({"because": f"This has over {LONGEST_REASON} characters. Shorten it."})
    now = clock.now()
    IncidentCorrection.objects.bulk_create(
        IncidentCorrection(
            incident=incident,
            field=name,
            before=(before or {}).get(name),
            after=value,
            because=signed(by, because)[:LONGEST_REASON],
            by=by,
            at=now,
        )
        for name, value in values.items()
    )


@transaction.atomic
def merge(incident: Incident, into: Incident, *, by: Actor, because: str) -> Incident:
    """Merge an incident into another, and return that one. What is written on it stays; its address leads on.

    Raises ValidationError naming the field, or PermissionDenied.
    """
    check_planner(by, WHO)
    because = _checked_reason(because)
    hold("merging incidents")
    incident, into = (Incident.objects.select_for_update().get(pk=each.pk) for each in (incident, into))
    check_standing(incident)
    while into.merged_into is not None:
        into = into.merged_into
    if into.pk == incident.pk:
        raise ValidationError({"into": f"{incident.key} can’t be merged into itself. Choose another incident."})
    if into.withdrawn_at is not None:
        raise ValidationError({"into": f"{into.key} is withdrawn: nothing reports it. Choose another incident."})
    Incident.objects.filter(pk=incident.pk).update(merged_into=into, merged_by=by)
    bring_back(incident)
    _note(incident, "standing", f"merged into {into.key}", by, because)
    _note(into, "standing", f"took in {incident.key}", by, because)
    refold([incident.pk, into.pk])
    outbox.publish(IncidentSaved(ids=[str(incident.pk), str(into.pk)]))
    return into


@transaction.atomic
def unmerge(incident: Incident, *, by: Actor, because: str) -> None:
    """Make an incident of its own again of one that was merged. Raises ValidationError naming the field, or PermissionDenied."""
    check_planner(by, WHO)
    because = _checked_reason(because)
    hold("merging incidents")
    incident = Incident.objects.select_for_update().get(pk=incident.pk)
    into = incident.merged_into
    if into is None or incident.merged_by_id is None:
        raise ValidationError(f"Nobody merged {incident.key}, so there’s nothing to undo.")
    Incident.objects.filter(pk=incident.pk).update(merged_into=None, merged_by=None)
    bring_back(incident)
    _note(incident, f"merged into {into.key}", "standing", by, because)
    refold([incident.pk, into.pk])
    outbox.publish(IncidentSaved(ids=[str(incident.pk), str(into.pk)]))


@transaction.atomic
def split(incident: Incident, reports: Iterable[IncidentReport], *, by: Actor, title: str, because: str) -> Incident:
    """Make another incident of some reports of one, and return it. They stay there, also when everything is read again.

    Raises ValidationError naming the field, or PermissionDenied.
    """
    check_planner(by, WHO)
    because, title = _checked_reason(because), title.replace("\0", "").strip()
    if len(title) > LONGEST_TITLE:
        raise ValidationError({"title": f"This has over {LONGEST_TITLE} characters. Shorten it."})
    check_standing(incident)
    chosen = list(reports)
    if not title:
        raise ValidationError({"title": "Say what is wrong, in a few words."})
    if not chosen or any(each.incident_id != incident.pk for each in chosen):
        raise ValidationError({"reports": f"Choose some of the reports of {incident.key}."})
    if len(chosen) == incident.reports.count() and incident.created_by_id is None:
        raise ValidationError({"reports": f"Leave {incident.key} at least one report."})
    hold("inbox")
    now = clock.now()
    made = Incident.objects.create(number=next_number(), title=title, created_by=by, created_at=now)
    _keep(made, {"title": title}, by, because)
    ReportPlacement.objects.bulk_create(
        ReportPlacement(thread=each.thread, moment=span_of(each).began_at, incident=made, by=by, at=now)
        for each in chosen
    )
    _note(incident, "standing", f"split into {made.key}", by, because)
    _note(made, "", f"{SPLIT_FROM}{incident.key}", by, because)
    bring_back(incident)
    for thread in sorted({each.thread for each in chosen}):
        announce(follow_thread(thread))
    refold([incident.pk, made.pk])
    outbox.publish(IncidentSaved(ids=[str(incident.pk), str(made.pk)]))
    made.refresh_from_db()
    return made


@transaction.atomic
def unsplit(incident: Incident, *, by: Actor, because: str) -> Incident:
    """Undo a split: the reports go back to where they were without it, and the incident is merged into the one it was split
    from, which is returned. Raises ValidationError naming the field, or PermissionDenied.
    """
    check_planner(by, WHO)
    because = _checked_reason(because)
    hold("inbox")
    hold("merging incidents")
    incident = Incident.objects.select_for_update().get(pk=incident.pk)
    check_standing(incident)
    into = split_from(incident)
    while into is not None and into.merged_into is not None:
        into = into.merged_into
    if into is None or into.pk == incident.pk:
        raise ValidationError(f"Nobody split {incident.key} from another incident, so there’s nothing to undo.")
    placed = ReportPlacement.objects.filter(incident=incident)
    threads = sorted(set(placed.values_list("thread", flat=True)))
    placed.delete()
    Incident.objects.filter(pk=incident.pk).update(merged_into=into, merged_by=by)
    _note(incident, "standing", f"{UNDID_SPLIT}{into.key}", by, because)
    _note(into, "standing", f"took {incident.key} back", by, because)
    bring_back(incident, into)
    for thread in threads:
        announce(follow_thread(thread))
    refold([incident.pk, into.pk])
    outbox.publish(IncidentSaved(ids=[str(incident.pk), str(into.pk)]))
    into.refresh_from_db()
    return into


def _checked_reason(because: str) -> str:
    because = because.replace("\0", "").strip()
    if not because:
        raise ValidationError({"because": "Say why, for whoever reads it later."})
    if len(because) > LONGEST_REASON:
        raise ValidationError({"because": f"This has over {LONGEST_REASON} characters. Shorten it."})
    return because


def _note(incident: Incident, before: str, after: str, by: Actor, because: str) -> None:
    StateChange.objects.create(
        kind="incident",
        key=incident.key,
        from_state=before[:40],
        to_state=after[:40],
        by=by,
        because=signed(by, because),
        at=clock.now(),
    )
