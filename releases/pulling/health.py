"""Source health: notices to squads that a source of theirs is broken, withdrawn when it works again."""

from portal.kernel import clock
from releases.events import SourceHealthChanged
from releases.inbox.models import Source
from releases.pulling.actions import BROKEN_AFTER
from squads.models import Squad
from squads.teams.notices import give_notice, withdraw_notices

MOST_SQUADS = 50


def is_broken(source: Source) -> bool:
    """Say whether a source is broken, or failed so often in a row that evidence must be missing."""
    return source.state == Source.State.BROKEN or source.failures >= BROKEN_AFTER


def squads_to_notify(source: Source) -> list[Squad]:
    """Return the squads whose evidence a source brings: its own, else its service's, else those of services in its events."""
    if source.squad is not None:
        return [source.squad]
    service = source.repository.service if source.repository else None
    if service is not None and service.squad is not None:
        return [service.squad]
    deployed = Squad.objects.filter(services__deployments__event__source=source)
    built = Squad.objects.filter(services__repositories__runs__event__source=source)
    return list((deployed | built).distinct().order_by("name")[:MOST_SQUADS])


def source_health_changed(event: SourceHealthChanged) -> None:
    """Show squads a notice that their source is broken, or withdraw it when the source works again or is paused."""
    source = Source.objects.select_related("squad", "repository__service__squad").filter(pk=event.id).first()
    key = f"source:{event.id}"
    if source is None or not is_broken(source) or source.state == Source.State.PAUSED:
        withdraw_notices(key)
        return
    since = f" since {source.last_success_at:%Y-%m-%d %H:%M} UTC" if source.last_success_at else ""
    how = "is broken" if source.state == Source.State.BROKEN else "keeps failing"
    text = f"The source {source.name} {how}, so evidence may be missing{since}. {source.last_error}"
    for squad in squads_to_notify(source):
        give_notice(squad, key=key, text=text, url=source.get_absolute_url(), at=clock.now())
