"""Questions about flags."""

from typing import TYPE_CHECKING

from releases.environments.querysets import PlacedQuerySet

if TYPE_CHECKING:
    from releases.flags.models import FlagState  # noqa: F401 - named in quotes below


class FlagStateQuerySet(PlacedQuerySet["FlagState"]):
    """Questions about where flags were seen on or off."""
