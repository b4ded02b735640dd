"""Beginning a retrospective about what releases know: an incident."""

from portal.kernel.actors import Actor
from releases.incidents.models import Incident
from releases.incidents.queries import homes
from releases.timelines.queries import INCIDENT
from squads.retrospectives.actions import Subject, create
from squads.retrospectives.models import Retrospective
from squads.teams.models import Squad
from squads.teams.permissions import check_member as check_squad_member


def review_incident(incident: Incident, squad: Squad, *, by: Actor) -> Retrospective:
    """Begin a squad's review of an incident: a draft whose timeline holds what Rodeo knows. If there is one, also of an incident
    that was merged into it, it is returned."""
    check_squad_member(squad, by, "its retrospectives")
    keys = [str(pk) for pk in homes([incident.pk])]
    about = Retrospective.objects.filter(squad=squad, subject_kind=INCIDENT, subject_key__in=keys)
    if (known := about.order_by("created_at", "pk").first()) is not None:
        return known
    subject = Subject(
        kind=INCIDENT,
        key=str(incident.pk),
        title=str(incident),
        url=incident.get_absolute_url(),
        severity=incident.severity.name if incident.severity else "",
        began_at=incident.starts_at,
        ended_at=incident.resolved_at if _after(incident) else None,
        services=list(incident.services.all()),
    )
    return create(squad, by=by, kind="incident", title=incident.title or incident.key, subject=subject)


def _after(incident: Incident) -> bool:
    """Say whether it ended after it began: people may have said otherwise, and both is kept there."""
    return bool(incident.resolved_at and incident.starts_at and incident.resolved_at >= incident.starts_at)
