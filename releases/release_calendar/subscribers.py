"""Keeping count of how often each release's entry in the calendar changed, as news of releases comes in."""

from uuid import UUID

from portal.kernel import clock, days
from releases.events import ReleaseSaved
from releases.planning.models import Release
from releases.release_calendar import actions, queries
from releases.release_calendar.models import CalendarEntry


def release_saved(news: ReleaseSaved) -> None:
    """Count up where the calendar says something else of a release than before. Repeating it changes nothing."""
    ids = [UUID(each) for each in news.ids]
    releases = list(Release.objects.filter(pk__in=ids).only(*queries.COLUMNS))
    gone = queries.called_off(releases)
    said = {release.pk: _said(release, abandoned=release.pk in gone) for release in releases}
    actions.count_changes(said)
    for pk in set(said) - set(CalendarEntry.objects.filter(pk__in=said).values_list("pk", flat=True)):
        # Releases from before there was a calendar are in the feed as number 0.
        defaults = {"said": said[pk], "sequence": 1, "changed_at": clock.now()}
        CalendarEntry.objects.get_or_create(pk=pk, defaults=defaults)


def _said(release: Release, *, abandoned: bool) -> str:
    if release.released_at is None and release.planned_for is None:
        return f"{release}"[:500]
    return queries.entry_of(release, days.today(), abandoned=abandoned).said
