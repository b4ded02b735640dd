"""The addresses of the portal. Each feature names its own in its urls.py; here they are only put together."""

from django.contrib import admin
from django.urls import include, path

squads = [
    path("", include("squads.teams.urls")),
    path("", include("squads.stories.urls")),
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
