"""Notices to squads about the portal itself: given once for each cause, and taken back when it is over."""

from datetime import datetime

from squads.teams.models import Notice, Squad


def give_notice(squad: Squad, *, key: str, text: str, url: str = "", at: datetime) -> None:
    """Show a notice on a squad's pages. One about the same cause is brought up to date; its time stays."""
    values = {"text": text[:500], "url": url[:300]}
    Notice.objects.update_or_create(squad=squad, key=key, defaults=values, create_defaults={**values, "at": at})


def take_back(key: str) -> None:
    """Take back the notices about a cause that is over."""
    Notice.objects.filter(key=key).delete()
