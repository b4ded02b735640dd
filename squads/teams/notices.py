"""Notices to squads about the portal itself: one for each cause, withdrawn when it is over."""

from datetime import datetime

from squads.teams.models import Notice, Squad


def give_notice(squad: Squad, *, key: str, text: str, url: str = "", at: datetime) -> None:
    """Show a notice on a squad's pages. An existing one of the same key is updated; its time stays."""
    values = {"text": text[:500], "url": url[:300]}
    Notice.objects.update_or_create(squad=squad, key=key, defaults=values, create_defaults={**values, "at": at})


def withdraw_notices(key: str) -> None:
    """Delete the notices of a cause that is over."""
    Notice.objects.filter(key=key).delete()
