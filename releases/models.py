"""Every model of the releases app; tests/architecture guards the list."""

from releases.allowed_hosts.models import AllowedHost
from releases.artifacts.models import Artifact
from releases.bots.models import BotRule
from releases.deployments.models import AcceptanceRun, Deployment
from releases.environments.models import Environment
from releases.flags.models import FlagState
from releases.inbox.models import Fact, InboundEvent, Source
from releases.incidents.models import Alert, Incident
from releases.mappings.models import MappingRule, SeenName
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
from releases.sharing.models import ReleaseLink

__all__ = [
    "AcceptanceRun",
    "Alert",
    "AllowedHost",
    "Artifact",
    "BotRule",
    "Change",
    "ChangeRelation",
    "Deployment",
    "Environment",
    "Fact",
    "FlagState",
    "FormerName",
    "InboundEvent",
    "Incident",
    "Mainline",
    "MappingRule",
    "Release",
    "ReleaseLink",
    "Repository",
    "RepositoryPart",
    "RequiredPipelines",
    "Run",
    "SeenName",
    "Source",
    "StoryLink",
    "Tag",
    "TagMove",
]
