from django.urls import path

from releases.incident_imports import views

app_name = "incident_imports"
urlpatterns = [path("incidents/import/", views.import_log, name="import")]
