"""What a person does on the first page."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from portal.accounts.models import User
from portal.kernel import clock
from squads.assignments.actions import mark_seen
from squads.models import Mention


@transaction.atomic
def catch_up(user: User, until: datetime) -> datetime:
    """Note that the person has seen what happened up to `until`, when the page they look at was made.

    What happened since then stays news, and nobody goes back: an older page pressed later changes nothing.
    """
    now = clock.now()
    until = min(until, now)
    older = User.objects.filter(pk=user.pk).filter(Q(looked_at=None) | Q(looked_at__lt=until))
    if older.update(looked_at=until):
        user.looked_at = until
    mark_seen(user, at__lte=until)
    Mention.objects.filter(person=user, seen_at=None, comment__created_at__lte=until).update(seen_at=now)
    return until


def hide_first_steps(user: User, *, hidden: bool) -> None:
    """Leave the first steps out of a person's first page, or show them there again. What is done is not touched."""
    user.first_steps_hidden_at = clock.now() if hidden else None
    user.save(update_fields=["first_steps_hidden_at"])
