"""Who is a bot, as this portal says."""

from django.db.models import QuerySet

from releases.bots.models import BotRule


def bot_rules() -> list[tuple[str, bool]]:
    """Return what `providers.bots.is_bot` takes: exact names before patterns, then by name."""
    rows = BotRule.objects.order_by("name").values_list("name", "is_bot")
    return sorted(rows, key=lambda row: ("*" in row[0], row[0]))


def listed_rules() -> QuerySet[BotRule]:
    """Return the rules by name, ready for a page."""
    return BotRule.objects.select_related("by").order_by("name", "pk")
