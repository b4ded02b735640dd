from django.urls import path

from releases.sources import connect_views, views

app_name = "sources"
urlpatterns = [
    path("sources/", views.source_list, name="list"),
    path("sources/new/git/", views.source_create_git, name="create_git"),
    path("sources/new/", connect_views.system_choice, name="system_choice"),
    path("sources/new/push/", views.source_create_push, name="create_push"),
    path("sources/new/<slug:kind>/", connect_views.system_create, name="system_create"),
    path("sources/help/<slug:kind>/", connect_views.system_help, name="system_help"),
    path("sources/<slug:key>/", views.source, name="detail"),
    path("sources/<slug:key>/test/", connect_views.system_test, name="test"),
    path("sources/<slug:key>/edit/", views.source_edit, name="edit"),
    path("sources/<slug:key>/pull/", views.source_pull, name="pull"),
    path("sources/<slug:key>/state/", views.source_state, name="state"),
    path("sources/<slug:key>/token/", views.source_token, name="token"),
    path("sources/<slug:key>/remove/", views.source_remove, name="remove"),
]
