"""What the administration pages read."""

from datetime import UTC, date, datetime, time

from django.db.models import QuerySet

from portal.kernel.models import AuditEntry


def audit_entries(
    *, by: str = "", kind: str = "", since: date | None = None, until: date | None = None
) -> "QuerySet[AuditEntry]":
    """Return audit entries, the newest first: of one person by user name, of one kind, between two days (UTC, both in)."""
    rows = AuditEntry.objects.select_related("by").order_by("-at", "-pk")
    if by:
        rows = rows.filter(by__username__iexact=by)
    if kind:
        rows = rows.filter(kind=kind)
    if since:
        rows = rows.filter(at__gte=datetime.combine(since, time.min, UTC))
    if until:
        rows = rows.filter(at__lte=datetime.combine(until, time.max, UTC))
    return rows
