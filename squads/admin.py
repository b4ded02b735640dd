"""The admin pages of squads. Django finds this module by its name; each feature has its own."""

from squads.acceptance import admin as acceptance
from squads.assignments import admin as assignments
from squads.attachments import admin as attachments
from squads.boards import admin as boards
from squads.discussions import admin as discussions
from squads.imports import admin as imports
from squads.labels import admin as labels
from squads.retrospective_actions import admin as retrospective_actions
from squads.retrospective_feeds import admin as retrospective_feeds
from squads.retrospective_sessions import admin as retrospective_sessions
from squads.retrospectives import admin as retrospectives
from squads.scope_history import admin as scope_history
from squads.stage_history import admin as stage_history
from squads.stories import admin as stories
from squads.story_lists import admin as story_lists
from squads.teams import admin as teams

__all__ = [
    "acceptance",
    "assignments",
    "attachments",
    "boards",
    "discussions",
    "imports",
    "labels",
    "retrospective_actions",
    "retrospective_feeds",
    "retrospective_sessions",
    "retrospectives",
    "scope_history",
    "stage_history",
    "stories",
    "story_lists",
    "teams",
]
