"""Telling squads that a source of theirs is broken, and that it is well again."""

from portal.kernel import clock
from releases.events import SourceStandingChanged
from releases.inbox.models import Source
from releases.pulling.actions import BROKEN_AFTER
from squads.models import Squad
from squads.teams.notices import give_notice, take_back

MOST = 50


def is_broken(source: Source) -> bool:
    """Say whether a source failed so often in a row that its evidence must be missing."""
    return source.state == Source.State.BROKEN or source.failures >= BROKEN_AFTER


def squads_of(source: Source) -> list[Squad]:
    """Return the squads whose evidence a source brings: its own, else its service's, else those whose services it told of."""
    if source.squad is not None:
        return [source.squad]
    service = source.repository.service if source.repository else None
    if service is not None and service.squad is not None:
        return [service.squad]
    told = Squad.objects.filter(services__deployments__event__source=source)
    ran = Squad.objects.filter(services__repositories__runs__event__source=source)
    return list((told | ran).distinct().order_by("name")[:MOST])


def standing_changed(event: SourceStandingChanged) -> None:
    """A source broke or is well again: its squads read so on their pages."""
    source = Source.objects.select_related("squad", "repository__service__squad").filter(pk=event.id).first()
    key = f"source:{event.id}"
    if source is None or not is_broken(source) or source.state == Source.State.PAUSED:
        take_back(key)
        return
    since = f" since {source.last_success_at:%Y-%m-%d %H:%M} UTC" if source.last_success_at else ""
    text = f"The source {source.name} is broken: evidence that it brings may be missing{since}. {source.last_error}"
    for squad in squads_of(source):
        give_notice(squad, key=key, text=text, url=source.get_absolute_url(), at=clock.now())
