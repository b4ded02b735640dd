"""The admin pages of releases. Django finds this module by its name; each feature has its own."""

from releases.artifacts import admin as artifacts
from releases.deployments import admin as deployments
from releases.environments import admin as environments
from releases.flags import admin as flags
from releases.incidents import admin as incidents
from releases.intake import admin as intake
from releases.pipelines import admin as pipelines
from releases.planning import admin as planning

__all__ = ["artifacts", "deployments", "environments", "flags", "incidents", "intake", "pipelines", "planning"]
