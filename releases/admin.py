"""The admin pages of releases. Django finds this module by its name; each feature has its own."""

from releases.allowed_hosts import admin as allowed_hosts
from releases.approvals import admin as approvals
from releases.artifacts import admin as artifacts
from releases.attributions import admin as attributions
from releases.bots import admin as bots
from releases.contents import admin as contents
from releases.deployment_checks import admin as deployment_checks
from releases.deployments import admin as deployments
from releases.environments import admin as environments
from releases.flags import admin as flags
from releases.forecasts import admin as forecasts
from releases.freezes import admin as freezes
from releases.incident_settings import admin as incident_settings
from releases.incidents import admin as incidents
from releases.mappings import admin as mappings
from releases.outside_checks import admin as outside_checks
from releases.overview import admin as overview
from releases.pipelines import admin as pipelines
from releases.planning import admin as planning
from releases.readiness import admin as readiness
from releases.reading import admin as reading
from releases.release_calendar import admin as release_calendar
from releases.release_notes import admin as release_notes
from releases.release_trains import admin as release_trains
from releases.sharing import admin as sharing
from releases.snapshots import admin as snapshots
from releases.sources import admin as sources

__all__ = [
    "allowed_hosts",
    "approvals",
    "artifacts",
    "attributions",
    "bots",
    "contents",
    "deployment_checks",
    "deployments",
    "environments",
    "flags",
    "forecasts",
    "freezes",
    "incident_settings",
    "incidents",
    "mappings",
    "outside_checks",
    "overview",
    "pipelines",
    "planning",
    "readiness",
    "reading",
    "release_calendar",
    "release_notes",
    "release_trains",
    "sharing",
    "snapshots",
    "sources",
]
