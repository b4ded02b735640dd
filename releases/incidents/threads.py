"""From reports to incidents: which reports are one incident, and what its fields are.

Reports follow from events and are written anew by a rebuild. Incidents stay: each remembers its thread and from when until
when its reports lasted, and finds them again by that (docs/adr/0064-incidents-outlive-their-reports.md).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max

from portal.kernel import clock, outbox
from portal.kernel.locks import hold
from portal.kernel.stable_ids import stable_id
from releases.events import IncidentChanged
from releases.inbox.affected import Affected
from releases.incident_settings.models import Severity, incident_settings
from releases.incidents.effective import LIST_FIELDS, Effective
from releases.incidents.grouping import NEVER, Span, chained, matched
from releases.incidents.models import (
    Incident,
    IncidentReport,
    ReportPlacement,
    starts_at,
    written_on,
)
from releases.incidents.queries import fold

# While everything is read again, reports are incomplete; what becomes of them is worked out at the end.
_put_off: ContextVar[bool] = ContextVar("incidents_put_off", default=False)
COLUMNS = (
    "title",
    "impact_started_at",
    "detected_at",
    "declared_at",
    "mitigated_at",
    "resolved_at",
    "is_maintenance",
    "stated",
)
ROWS = {"severity": "severity_id", "commander": "commander_id", "scribe": "scribe_id", "liaison": "liaison_id"}
# What an incident was merged into, and when it was withdrawn.
Standing = tuple[UUID | None, datetime | None]


@contextmanager
def put_off() -> Iterator[None]:
    """Leave incidents as they are while all events are read again; the caller follows all threads at the end."""
    token = _put_off.set(True)
    try:
        yield
    finally:
        _put_off.reset(token)


def are_put_off() -> bool:
    """Say whether all events are being read again."""
    return _put_off.get()


def follow(affected: Affected) -> None:
    """Bring the incidents of all threads that moved up to date, and note which are otherwise than before."""
    if _put_off.get():
        affected.threads.clear()
        return
    changed: set[UUID] = set()
    for thread in sorted(affected.threads):
        changed |= follow_thread(thread)
    affected.threads.clear()
    affected.incidents |= changed
    announce(changed)


def announce(changed: Iterable[UUID]) -> None:
    """Tell that incidents read otherwise than before."""
    if ids := sorted(map(str, changed)):
        outbox.publish(IncidentChanged(ids=ids))


def follow_all(affected: Affected) -> None:
    """Bring the incidents of all threads up to date."""
    affected.threads |= set(known_threads())
    follow(affected)


def known_threads() -> list[str]:
    """Return the threads that there are reports or incidents of, in the order in which they are followed."""
    known = Incident.objects.exclude(thread="").values_list("thread", flat=True)
    return sorted({*known, *IncidentReport.objects.exclude(thread="").values_list("thread", flat=True).distinct()})


def follow_thread(thread: str) -> set[UUID]:
    """Bring the incidents of one thread up to date; return those that are otherwise than before."""
    known = {each.pk: each for each in Incident.objects.select_for_update().filter(thread=thread)}
    reports = {each.pk: each for each in IncidentReport.objects.filter(thread=thread)}
    spans = [span_of(each) for each in reports.values()]
    placed = _placed(thread, spans)
    chains = chained([each for each in spans if each.key not in placed], incident_settings().reopen_within)
    remembered = [Span(pk, row.began_at or NEVER, row.ended_at) for pk, row in known.items()]
    match = matched(chains, remembered)
    touched: set[UUID] = {each.incident_id for each in reports.values() if each.incident_id is not None}
    of_chain: dict[int, UUID] = {}
    for place, chain in enumerate(chains):
        pk: Any = match.found.get(place)
        of_chain[place] = pk if pk is not None else _open(thread).pk
        _remember(of_chain[place], chain.span)
        placed |= {each.key: of_chain[place] for each in chain.spans}
    for key, place in match.joined.items():
        _join(known[key], of_chain[place])  # type: ignore[index]
    _mark_gone([known[key] for key in match.gone])  # type: ignore[index]
    moved: dict[UUID, list[UUID]] = defaultdict(list)
    for pk, report in reports.items():
        if report.incident_id != placed[pk]:
            moved[placed[pk]].append(pk)
    for incident, some in moved.items():
        IncidentReport.objects.filter(pk__in=some).update(incident=incident)
    concerned = touched | set(known) | set(placed.values())
    return refold(concerned) | _moved({pk: (row.merged_into_id, row.withdrawn_at) for pk, row in known.items()})


def _moved(before: dict[UUID, Standing]) -> set[UUID]:
    """Return which incidents joined another one, went or came back, with those that they joined or left."""
    found: set[UUID] = set()
    for pk, into, gone in Incident.objects.filter(pk__in=before).values_list("pk", "merged_into_id", "withdrawn_at"):
        if (into, gone) != before[pk]:
            found |= {each for each in (pk, into, before[pk][0]) if each is not None}
    return found


def span_of(report: IncidentReport) -> Span:
    """Return from when until when a report lasts."""
    known = [at for at in (report.detected_at, report.declared_at, report.resolved_at) if at is not None]
    began = min(known, default=NEVER)
    return Span(report.pk, began, None if report.resolved_at is None else max(report.resolved_at, began))


def _placed(thread: str, spans: Iterable[Span]) -> dict[Any, UUID]:
    """Return which reports people placed, by the moment they named, and into which incidents."""
    found: dict[Any, UUID] = {}
    for row in ReportPlacement.objects.filter(thread=thread).order_by("at", "pk"):
        moment = Span(None, row.moment, row.moment)
        found |= {each.key: row.incident_id for each in spans if each.overlaps(moment)}
    return found


def _open(thread: str) -> Incident:
    """Open an incident for reports that are none yet. Their first may become another, so its number is what it is known by."""
    number = next_number()
    return Incident.objects.create(
        pk=stable_id("incident of", thread, number), number=number, thread=thread, created_at=clock.now()
    )


def next_number() -> int:
    """Return the number of the next incident; until the transaction ends nobody else gets one."""
    hold("incident numbers")
    return (Incident.objects.aggregate(last=Max("number"))["last"] or 0) + 1


def _remember(pk: UUID, span: Span) -> None:
    Incident.objects.filter(pk=pk).update(began_at=span.began_at, ended_at=span.ended_at, withdrawn_at=None)
    # What was joined because of reports is an incident of its own again, now that it has some.
    Incident.objects.filter(pk=pk, merged_into__isnull=False, merged_by=None).update(merged_into=None)


def _join(row: Incident, into: UUID) -> None:
    """Lead from an incident to the one that its reports are part of now, unless a person merged it already."""
    if row.merged_by_id is None and row.merged_into_id != into:
        Incident.objects.filter(pk=row.pk).update(merged_into=into, withdrawn_at=None)


def _mark_gone(rows: Iterable[Incident]) -> None:
    """Withdraw incidents that nothing reports any more and nobody wrote on."""
    for row in rows:
        Incident.objects.filter(pk=row.pk, merged_by=None).update(merged_into=None)
        if row.withdrawn_at is None and not written_on(row):
            Incident.objects.filter(pk=row.pk).update(withdrawn_at=clock.now())


def refold(ids: Iterable[UUID]) -> set[UUID]:
    """Work out the fields of these incidents, and of those they were merged into, anew; return those that changed."""
    changed: set[UUID] = set()
    severities = list(Severity.objects.order_by("order", "pk"))
    todo, seen = sorted(ids), set[UUID]()
    while todo:
        pk = todo.pop(0)
        row = Incident.objects.select_for_update().filter(pk=pk).first()
        if row is None:
            continue
        if _write(row, fold(row, severities)):
            changed.add(pk)
        seen.add(pk)
        if row.merged_into_id is not None and row.merged_into_id not in seen:
            todo.append(row.merged_into_id)
    return changed


def _write(row: Incident, found: Effective) -> bool:
    """Write what is known of an incident; return whether anything is otherwise than before."""
    values: dict[str, Any] = {name: getattr(found, name) for name in COLUMNS}
    values |= {column: getattr(found, name) for name, column in ROWS.items()}
    values["title"] = values["title"][:300]
    _drop_rows_that_are_gone(values)
    before = {name: getattr(row, name) for name in values}
    lists = {name: set(getattr(row, name).values_list("pk", flat=True)) for name in LIST_FIELDS}
    wanted = {
        name: set(
            getattr(Incident, name)
            .field.related_model.objects.filter(pk__in=getattr(found, name))
            .values_list("pk", flat=True)
        )
        for name in LIST_FIELDS
    }
    if before == values and lists == wanted and row.starts_at is not None:
        return False
    for name, value in values.items():
        setattr(row, name, value)
    row.starts_at = starts_at(row.times) or row.starts_at or row.created_at
    row.version += 1
    row.save(update_fields=[*values, "starts_at", "version"])
    for name in LIST_FIELDS:
        if lists[name] != wanted[name]:
            getattr(row, name).set(wanted[name])
    return True


def _drop_rows_that_are_gone(values: dict[str, Any]) -> None:
    """Leave out severities and people that were deleted since a correction named them."""
    for column in ROWS.values():
        pk = values[column]
        model: Any = Incident._meta.get_field(column.removesuffix("_id")).related_model
        if pk is not None and not model._default_manager.filter(pk=pk).exists():
            values[column] = None
