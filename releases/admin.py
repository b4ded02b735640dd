"""The admin pages of releases. Django finds this module by its name; each feature has its own."""

from releases.allowed_hosts import admin as allowed_hosts
from releases.artifacts import admin as artifacts
from releases.bots import admin as bots
from releases.deployments import admin as deployments
from releases.environments import admin as environments
from releases.flags import admin as flags
from releases.incidents import admin as incidents
from releases.mappings import admin as mappings
from releases.pipelines import admin as pipelines
from releases.planning import admin as planning
from releases.reading import admin as reading
from releases.sharing import admin as sharing
from releases.sources import admin as sources

__all__ = [
    "allowed_hosts",
    "artifacts",
    "bots",
    "deployments",
    "environments",
    "flags",
    "incidents",
    "mappings",
    "pipelines",
    "planning",
    "reading",
    "sharing",
    "sources",
]
