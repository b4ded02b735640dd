from django.urls import path

from squads.story_pages import edit_views, planning_views, quick_views, views

app_name = "stories"
urlpatterns = [
    path("stories/new/", views.story_create, name="create"),
    path("stories/new/quick/", quick_views.story_quick, name="quick"),
    path("stories/preview/", edit_views.preview, name="preview"),
    path("stories/<str:key>/", views.story_detail, name="detail"),
    path("stories/<str:key>/edit/", edit_views.story_edit, name="edit"),
    path("stories/<str:key>/fields/<slug:name>/", edit_views.field_edit, name="field"),
    path("stories/<str:key>/checklists/<slug:name>/", edit_views.checklist, name="checklist"),
    path("stories/<str:key>/take/", planning_views.take, name="take"),
    path("stories/<str:key>/release/", planning_views.story_release, name="release"),
    path("stories/<str:key>/changes/", views.story_changes, name="changes"),
    path("stories/<str:key>/history/", views.story_history, name="history"),
    path("stories/<str:key>/progress/", views.progress, name="progress"),
    path("stories/<str:key>/evidence/", views.evidence, name="evidence"),
    path("stories/<str:key>/evidence/<uuid:pk>/take-back/", views.evidence_take_back, name="evidence_take_back"),
]
