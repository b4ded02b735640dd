"""Who takes part in a session, and who steers it. Every door asks here."""

from django.core.exceptions import PermissionDenied
from django.http import Http404

from portal.kernel.actors import Actor, Anyone
from squads.retrospective_sessions.models import RetrospectiveSession
from squads.retrospectives.models import Retrospective
from squads.retrospectives.permissions import check_member, may_write
from squads.teams.permissions import check_person


def session_at(slug: str, reader: Anyone) -> RetrospectiveSession:
    """Return the session of the retrospective at an address, for somebody who takes part in it."""
    rows = RetrospectiveSession.objects.filter(retrospective__in=Retrospective.objects.readable_by(reader))
    joined = rows.select_related("retrospective__squad", "retrospective__facilitator")
    session = joined.filter(retrospective__slug=slug).first()
    if session is None:
        raise Http404("There’s no session at this address, or you can’t read its retrospective.")
    check_participant(session, reader)
    return session


def takes_part(session: RetrospectiveSession, user: Anyone) -> bool:
    """Say whether somebody who can read the retrospective takes part in its session. No program does."""
    if not user.is_authenticated or user.program_of_id:
        return False
    return session.for_readers or may_write(session.retrospective, user)


def check_participant(session: RetrospectiveSession, user: Anyone) -> None:
    """Refuse somebody who takes no part in a session."""
    check_person(user, "take part in a session")
    if not takes_part(session, user):
        raise PermissionDenied(
            f"Only members of {session.retrospective.squad}, the facilitator and people they add take part in this session."
        )


def check_in_browser(session: RetrospectiveSession, by: Actor) -> None:
    """Refuse whoever takes no part, and API tokens: when one was used last is kept, and would tell who wrote when."""
    check_participant(session, by)
    if getattr(by, "token", None) is not None:
        raise PermissionDenied("Only people in a browser can write cards and vote. API tokens can’t.")


def check_steering(session: RetrospectiveSession, user: Anyone) -> None:
    """Refuse everybody but the facilitator and the squad's members to steer a session."""
    check_member(session.retrospective, user, "steer this session")
