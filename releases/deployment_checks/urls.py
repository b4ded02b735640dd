from django.urls import path

# Its converter of slugs is used below.
import releases.planning.urls  # noqa: F401
from releases.deployment_checks import hooks, views

app_name = "deployment_checks"
urlpatterns = [
    path("releases/<release:slug>/deployment-checks/", views.of_release, name="release"),
    path("deployment-checks/", views.services, name="list"),
    path("deployment-checks/flagger/", hooks.flagger, name="flagger"),
    path("services/<slug:slug>/deployment-checks/", views.of_service, name="service"),
    path("services/<slug:slug>/deployment-checks/tokens/", views.token_create, name="token_create"),
    path("services/<slug:slug>/deployment-checks/tokens/<int:pk>/revoke/", views.token_revoke, name="token_revoke"),
]
