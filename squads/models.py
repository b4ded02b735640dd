"""Every model of the squads app; tests/architecture guards the list."""

from squads.stories.models import Evidence, Story
from squads.teams.models import Membership, Service, Squad

__all__ = ["Evidence", "Membership", "Service", "Squad", "Story"]
