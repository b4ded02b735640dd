"""The admin pages of squads. Django finds this module by its name; each feature has its own."""

from squads.stories import admin as stories
from squads.teams import admin as teams

__all__ = ["stories", "teams"]
