"""The addresses of the portal. Each feature names its own in its urls.py; here they are only put together."""

from django.contrib import admin
from django.urls import include, path

from portal.accounts import urls as accounts
from portal.accounts.views import admin_login, admin_password

squads = [
    # Before stories: its /stories/export.csv would be taken for a key.
    path("", include("squads.imports.urls")),
    # Before retrospectives: coach would be taken for the key of one.
    path("", include("squads.language_coach.urls")),
    path("", include("squads.teams.urls")),
    path("", include("squads.boards.urls")),
    path("", include("squads.labels.urls")),
    path("", include("squads.attachments.urls")),
    path("", include("squads.story_lists.urls")),
    path("", include("squads.handovers.urls")),
    path("", include("squads.endings.urls")),
    path("", include("squads.comments.urls")),
    path("", include("squads.acceptance.urls")),
    # Before the pages: /retrospectives/import/ and the like would be taken for one of them.
    path("", include("squads.retrospective_imports.urls")),
    path("", include("squads.retrospective_actions.urls")),
    path("", include("squads.retrospective_feeds.urls")),
    path("", include("squads.retrospective_sessions.urls")),
    path("", include("squads.retrospective_pages.urls")),
]
releases = [
    path("", include("releases.planning.urls")),
    path("", include("releases.contents.urls")),
    path("", include("releases.progress.urls")),
    # Before readiness, whose gates would be taken for its addresses.
    path("", include("releases.learnings.urls")),
    path("", include("releases.readiness.urls")),
    path("", include("releases.outside_checks.urls")),
    path("", include("releases.sharing.urls")),
    path("", include("releases.release_notes.urls")),
    path("", include("releases.release_comparison.urls")),
    path("", include("releases.freezes.urls")),
    path("", include("releases.forecasts.urls")),
    path("", include("releases.release_calendar.urls")),
    path("", include("releases.release_trains.urls")),
    path("", include("releases.status.urls")),
    path("", include("releases.deployment_checks.urls")),
    path("", include("releases.snapshots.urls")),
    path("", include("releases.release_retrospectives.urls")),
    path("", include("releases.approvals.urls")),
    path("", include("releases.overview.urls")),
    path("", include("releases.environments.urls")),
    path("", include("releases.comparison.urls")),
    # Before incidents: its /incidents/severities/ would be taken for a key.
    path("", include("releases.incident_settings.urls")),
    path("", include("releases.incident_imports.urls")),
    path("", include("releases.timelines.urls")),
    path("", include("releases.incidents.urls")),
    path("", include("releases.attributions.urls")),
    path("", include("releases.evidence.urls")),
    path("", include("releases.inbox.urls")),
    path("", include("releases.reading.urls")),
    path("", include("releases.allowed_hosts.urls")),
    path("", include("releases.bots.urls")),
    path("", include("releases.mappings.urls")),
    path("", include("releases.monorepo.urls")),
    path("", include("releases.required_pipelines.urls")),
    # After those: /sources/hosts/ and the like would be taken for a source's key.
    path("", include("releases.sources.urls")),
]
urlpatterns = [
    path("", include("portal.ops.urls")),
    path("", include("portal.home.urls")),
    path("", include("portal.search.urls")),
    path("", include("portal.dead_messages.urls")),
    path("", include("portal.mails.urls")),
    path("", include("portal.people.urls")),
    path("", include("portal.administration.urls")),
    path("", include("portal.retention.urls")),
    path("accounts/", include((accounts.signing_in, "accounts"))),
    path("accounts/", include(accounts.allauth)),
    path("", include((accounts.own, "account"))),
    path("", include((squads, "squads"))),
    path("", include((releases, "releases"))),
    path("", include("portal.api")),
    # Signing in is one door: the admin pages' own would go around second factors and rate limits.
    path("admin/login/", admin_login, name="admin_login"),
    path("admin/password_change/", admin_password, name="admin_password"),
    path("admin/", admin.site.urls),
]
