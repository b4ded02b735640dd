from django.urls import path

from squads.endings import views

app_name = "endings"
urlpatterns = [
    path("stories/<str:key>/cancel/", views.story_cancel, name="cancel"),
    path("stories/<str:key>/duplicate/", views.story_duplicate, name="duplicate"),
    path("stories/<str:key>/delete/", views.story_delete, name="delete"),
    path("stories/<str:key>/reopen/", views.story_reopen, name="reopen"),
]
