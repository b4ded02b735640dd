"""The admin pages of squads. Django finds this module by its name; each feature has its own."""

from squads.acceptance import admin as acceptance
from squads.boards import admin as boards
from squads.discussions import admin as discussions
from squads.imports import admin as imports
from squads.stage_history import admin as stage_history
from squads.stories import admin as stories
from squads.teams import admin as teams

__all__ = ["acceptance", "boards", "discussions", "imports", "stage_history", "stories", "teams"]
