from django.urls import path

from squads.stories import comment_views, edit_views, planning_views, views

app_name = "stories"
urlpatterns = [
    path("stories/", views.story_list, name="list"),
    path("stories/new/", views.story_create, name="create"),
    path("stories/preview/", edit_views.preview, name="preview"),
    path("stories/<str:key>/", views.story_detail, name="detail"),
    path("stories/<str:key>/edit/", edit_views.story_edit, name="edit"),
    path("stories/<str:key>/fields/<slug:name>/", edit_views.field_edit, name="field"),
    path("stories/<str:key>/checklists/<slug:name>/", edit_views.checklist, name="checklist"),
    path("stories/<str:key>/release/", planning_views.story_release, name="release"),
    path("stories/<str:key>/changes/", views.story_changes, name="changes"),
    path("stories/<str:key>/history/", views.story_history, name="history"),
    path("stories/<str:key>/progress/", views.progress, name="progress"),
    path("stories/<str:key>/evidence/", views.evidence, name="evidence"),
    path("stories/<str:key>/evidence/<uuid:pk>/take-back/", views.evidence_take_back, name="evidence_take_back"),
    path("stories/<str:key>/comments/", comment_views.comment_list, name="comments"),
    path("stories/<str:key>/comments/new/", comment_views.comment_say, name="comment_say"),
    path("stories/<str:key>/comments/<int:pk>/edit/", comment_views.comment_edit, name="comment_edit"),
    path("stories/<str:key>/comments/<int:pk>/remove/", comment_views.comment_remove, name="comment_remove"),
    path("stories/<str:key>/watch/", comment_views.watch, name="watch"),
    path("stories/<str:key>/relations/", comment_views.relation_add, name="relation_add"),
    path("stories/<str:key>/relations/<int:pk>/remove/", comment_views.relation_remove, name="relation_remove"),
]
