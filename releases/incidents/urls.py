from django.urls import path

from releases.incidents import views

app_name = "incidents"
urlpatterns = [
    path("signals/", views.alert_list, name="alert_list"),
    path("incidents/", views.incident_list, name="list"),
    path("incidents/new/", views.incident_open, name="create"),
    path("incidents/<str:key>/", views.incident_detail, name="detail"),
    path("incidents/<str:key>/edit/", views.incident_edit, name="edit"),
    path("incidents/<str:key>/updates/", views.incident_update, name="update"),
    path("incidents/<str:key>/merge/", views.incident_merge, name="merge"),
    path("incidents/<str:key>/separation/", views.incident_unmerge, name="unmerge"),
    path("incidents/<str:key>/split/", views.incident_split, name="split"),
    path("incidents/<str:key>/undo-split/", views.incident_unsplit, name="unsplit"),
    path("incidents/<str:key>/state/", views.incident_state, name="state"),
]
