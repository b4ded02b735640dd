from django.urls import path

from squads.retrospective_imports import views

app_name = "retrospective_imports"
urlpatterns = [path("retrospectives/import/", views.import_page, name="import")]
