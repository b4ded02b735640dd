"""Every model of the releases app; tests/architecture guards the list."""

from releases.allowed_hosts.models import AllowedHost
from releases.approvals.models import Approval
from releases.artifacts.models import Artifact
from releases.attributions.models import Attribution
from releases.bots.models import BotRule
from releases.contents.models import AskedPattern, DeployOrder, ReleaseContent, SchemaNaming, SchemaPatterns
from releases.deployment_checks.models import AppToken, CheckToken, DeploymentCheck, WaitingCheck
from releases.deployments.models import AcceptanceRun, Deployment
from releases.environments.models import Environment
from releases.flags.models import FlagState
from releases.forecasts.models import DailyForecast
from releases.freezes.models import Freeze, FreezeFeed, FreezeLift
from releases.inbox.models import ContentsFile, Fact, InboundEvent, Source
from releases.incident_settings.models import IncidentSettings, Severity
from releases.incidents.models import (
    Alert,
    Incident,
    IncidentCorrection,
    IncidentReport,
    IncidentUpdate,
    ReportPlacement,
)
from releases.mappings.models import MappingRule, SeenName
from releases.outside_checks.models import OutsideAnswer, OutsideCheck
from releases.overview.models import DailyReadiness, ReadinessDigest, ReadinessView
from releases.pipelines.models import (
    Change,
    ChangeRelation,
    Mainline,
    Repository,
    RepositoryPart,
    RequiredPipelines,
    Run,
    StoryLink,
    Tag,
    TagMove,
)
from releases.planning.models import FormerName, Release
from releases.readiness.models import (
    ChecklistItem,
    ChecklistTick,
    FlagNeed,
    GateOverride,
    GateTemplate,
    GateTemplateVersion,
    LearningRead,
)
from releases.release_calendar.models import CalendarAddress, CalendarEntry
from releases.release_notes.models import NotesVersion, ReleaseNotes
from releases.release_trains.models import Departure, ReleaseTrain, TrainEdit
from releases.sharing.models import ReleaseLink
from releases.snapshots.models import Shipping, Snapshot

__all__ = [
    "AcceptanceRun",
    "Alert",
    "AllowedHost",
    "AppToken",
    "Approval",
    "Artifact",
    "AskedPattern",
    "Attribution",
    "BotRule",
    "CalendarAddress",
    "CalendarEntry",
    "Change",
    "ChangeRelation",
    "CheckToken",
    "ChecklistItem",
    "ChecklistTick",
    "ContentsFile",
    "DailyForecast",
    "DailyReadiness",
    "Departure",
    "DeployOrder",
    "Deployment",
    "DeploymentCheck",
    "Environment",
    "Fact",
    "FlagNeed",
    "FlagState",
    "FormerName",
    "Freeze",
    "FreezeFeed",
    "FreezeLift",
    "GateOverride",
    "GateTemplate",
    "GateTemplateVersion",
    "InboundEvent",
    "Incident",
    "IncidentCorrection",
    "IncidentReport",
    "IncidentSettings",
    "IncidentUpdate",
    "LearningRead",
    "Mainline",
    "MappingRule",
    "NotesVersion",
    "OutsideAnswer",
    "OutsideCheck",
    "ReadinessDigest",
    "ReadinessView",
    "Release",
    "ReleaseContent",
    "ReleaseLink",
    "ReleaseNotes",
    "ReleaseTrain",
    "ReportPlacement",
    "Repository",
    "RepositoryPart",
    "RequiredPipelines",
    "Run",
    "SchemaNaming",
    "SchemaPatterns",
    "SeenName",
    "Severity",
    "Shipping",
    "Snapshot",
    "Source",
    "StoryLink",
    "Tag",
    "TagMove",
    "TrainEdit",
    "WaitingCheck",
]
