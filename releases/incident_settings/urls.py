from django.urls import path

from releases.incident_settings import views

app_name = "incident_settings"
urlpatterns = [
    path("incidents/severities/", views.severity_list, name="list"),
    path("incidents/severities/new/", views.severity_create, name="create"),
    path("incidents/severities/times/", views.windows, name="windows"),
    path("incidents/severities/<int:pk>/", views.severity_edit, name="edit"),
    path("incidents/severities/<int:pk>/delete/", views.severity_delete, name="delete"),
]
