"""What every verb of a session does: hold it, and tell the pages that show it."""

from django.db.models import F

from portal.kernel import live
from squads.retrospective_sessions.models import RetrospectiveSession


def hold(session: RetrospectiveSession) -> RetrospectiveSession:
    """Return a session as it is now, held until the transaction ends: verbs of one session take their turns."""
    rows = RetrospectiveSession.objects.select_for_update(of=("self",))
    return rows.select_related("retrospective__squad", "retrospective__facilitator").get(pk=session.pk)


def tell(held: RetrospectiveSession) -> None:
    """Count up the version of a held session, and tell open pages after the commit. They learn the number, and nothing else."""
    RetrospectiveSession.objects.filter(pk=held.pk).update(version=F("version") + 1)
    held.version += 1
    live.touch_topic(held.topic, held.version)
