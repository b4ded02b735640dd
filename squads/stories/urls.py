from django.urls import path

from squads.stories import planning_views, views

app_name = "stories"
urlpatterns = [
    path("stories/", views.story_list, name="list"),
    path("stories/new/", views.story_create, name="create"),
    path("stories/<str:key>/", views.story_detail, name="detail"),
    path("stories/<str:key>/edit/", views.story_edit, name="edit"),
    path("stories/<str:key>/release/", planning_views.story_release, name="release"),
    path("stories/<str:key>/changes/", views.story_changes, name="changes"),
    path("stories/<str:key>/progress/", views.progress, name="progress"),
    path("stories/<str:key>/evidence/", views.evidence, name="evidence"),
]
