"""The addresses of the portal. Each feature names its own in its urls.py; here they are only put together."""

from django.contrib import admin
from django.urls import include, path

squads = [
    # Before stories: its /stories/export.csv would be taken for a key.
    path("", include("squads.imports.urls")),
    path("", include("squads.teams.urls")),
    path("", include("squads.boards.urls")),
    path("", include("squads.stories.urls")),
    path("", include("squads.acceptance.urls")),
]
releases = [
    path("", include("releases.planning.urls")),
    path("", include("releases.environments.urls")),
    path("", include("releases.intake.urls")),
]
urlpatterns = [
    path("", include("portal.ops.urls")),
    path("", include("portal.home.urls")),
    path("", include("portal.search.urls")),
    path("accounts/", include("portal.accounts.urls")),
    path("", include((squads, "squads"))),
    path("", include((releases, "releases"))),
    path("", include("portal.api")),
    path("admin/", admin.site.urls),
]
