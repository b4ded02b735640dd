"""Which files of changes are schema changes, by the patterns of their services. Two queries for any number of changes."""

from collections.abc import Iterable

from django.db.models import Q

from releases.contents.models import SchemaNaming, SchemaPatterns
from releases.pipelines.models import Change
from releases.providers import schema_files

DEFAULT_ASKED = len(schema_files.wanted(schema_files.DEFAULT))


class SchemaFiles:
    """Answers which files of a change are schema changes of a service, and what somebody called them."""

    def __init__(self, services: Iterable[int], changes: Iterable[Change]) -> None:
        rows = SchemaPatterns.objects.filter(Q(service=None) | Q(service__in=list(services)))
        self._patterns = {row.service_id: row for row in rows}
        namings = SchemaNaming.objects.filter(change__in=[each.pk for each in changes])
        self._named = {(row.change_id, row.path): row.kind for row in namings}

    def of(self, change: Change, service: int) -> list[tuple[str, str]] | None:
        """Return each schema file of a change and its kind ("" while nobody named it); None if no file of it is known."""
        row = self._patterns.get(service) or self._patterns.get(None)
        asked = row.asked if row is not None else DEFAULT_ASKED
        patterns = list(row.patterns) if row is not None else list(schema_files.DEFAULT)
        files = change.files if change.files_asked >= asked else change.told_paths or None
        if files is None:
            return None
        found = schema_files.files_matching(files, patterns)
        return [(path, self._named.get((change.pk, path)) or change.schema_kind) for path in found]
