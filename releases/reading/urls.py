from django.urls import path

from releases.reading import dry_run_views, views

app_name = "reading"
urlpatterns = [
    path("inbox/", views.event_list, name="event_list"),
    path("inbox/replay-failed/", views.replay_failed, name="replay_failed"),
    path("inbox/<uuid:pk>/", views.event, name="event"),
    path("inbox/<uuid:pk>/state/", views.event_state, name="event_state"),
    path("inbox/<uuid:pk>/body/", views.event_body, name="event_body"),
    path("inbox/<uuid:pk>/replay/", views.event_replay, name="event_replay"),
    path("sources/<slug:key>/try/", dry_run_views.source_try, name="source_try"),
]
