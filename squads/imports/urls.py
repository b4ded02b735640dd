from django.urls import path

from squads.imports import views

app_name = "imports"
urlpatterns = [
    path("stories/export.csv", views.export_csv, name="export_csv"),
    path("stories/export.json", views.export_json, name="export_json"),
    path("squads/<slug:slug>/imports/", views.import_list, name="list"),
    path("squads/<slug:slug>/imports/<int:pk>/", views.import_detail, name="detail"),
    path("squads/<slug:slug>/imports/<int:pk>/mapping/", views.import_mapping, name="mapping"),
    path("squads/<slug:slug>/imports/<int:pk>/run/", views.import_run, name="run"),
    path("squads/<slug:slug>/imports/<int:pk>/discard/", views.import_discard, name="discard"),
]
