"""Every model of the releases app; tests/architecture guards the list."""

from releases.artifacts.models import Artifact
from releases.deployments.models import AcceptanceRun, Deployment
from releases.environments.models import Environment
from releases.flags.models import FlagState
from releases.incidents.models import Incident
from releases.intake.models import Fact, InboundEvent, Source
from releases.pipelines.models import Change, Mainline, Repository, Run, StoryLink
from releases.planning.models import Release, Tag

__all__ = [
    "AcceptanceRun", "Artifact", "Change", "Deployment", "Environment", "Fact", "FlagState", "InboundEvent", "Incident",
    "Mainline", "Release", "Repository", "Run", "Source", "StoryLink", "Tag",
]  # fmt: skip
