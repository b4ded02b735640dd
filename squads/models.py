"""Every model of the squads app; tests/architecture guards the list."""

from squads.acceptance.models import AcceptancePlan, AcceptanceRequest
from squads.assignments.models import Assignment
from squads.attachments.models import Attachment, AttachmentBody
from squads.boards.models import SavedView
from squads.discussions.models import Comment, Mention, Watch
from squads.imports.models import Import, Ticket
from squads.labels.models import Label
from squads.retrospective_actions.models import ActionAnswer, RetrospectiveAction
from squads.retrospective_feeds.models import FeedAddress
from squads.retrospective_sessions.models import (
    Ballot,
    CardGroup,
    CardSignature,
    HiddenCards,
    RetrospectiveSession,
    SessionCard,
)
from squads.retrospectives.models import (
    LearnedMark,
    Retrospective,
    RetrospectiveEdit,
    RetrospectiveParticipant,
    RetrospectiveRole,
    RetrospectiveSection,
    RetrospectiveTemplate,
    RetrospectiveTheme,
    TimelineEntry,
)
from squads.scope_history.models import ScopeChange
from squads.stage_history.models import StageChange
from squads.stories.models import Evidence, Relation, Story, StoryAlias, StoryEdit
from squads.story_lists.models import ManyChange, ManyRow, StoryView
from squads.teams.models import Membership, Notice, Service, Squad

__all__ = [
    "AcceptancePlan",
    "AcceptanceRequest",
    "ActionAnswer",
    "Assignment",
    "Attachment",
    "AttachmentBody",
    "Ballot",
    "CardGroup",
    "CardSignature",
    "Comment",
    "Evidence",
    "FeedAddress",
    "HiddenCards",
    "Import",
    "Label",
    "LearnedMark",
    "ManyChange",
    "ManyRow",
    "Membership",
    "Mention",
    "Notice",
    "Relation",
    "Retrospective",
    "RetrospectiveAction",
    "RetrospectiveEdit",
    "RetrospectiveParticipant",
    "RetrospectiveRole",
    "RetrospectiveSection",
    "RetrospectiveSession",
    "RetrospectiveTemplate",
    "RetrospectiveTheme",
    "SavedView",
    "ScopeChange",
    "Service",
    "SessionCard",
    "Squad",
    "StageChange",
    "Story",
    "StoryAlias",
    "StoryEdit",
    "StoryView",
    "Ticket",
    "TimelineEntry",
    "Watch",
]
