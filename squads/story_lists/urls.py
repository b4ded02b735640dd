from django.urls import path

from squads.story_lists import views
from squads.story_pages import urls as story_pages

# One name space with the pages of a story, whose addresses lie below the list's.
app_name = story_pages.app_name
urlpatterns = [
    path("stories/", views.story_list, name="list"),
    path("stories/many/", views.change_many, name="change_many"),
    path("stories/many/<uuid:pk>/undo/", views.undo_many, name="undo_many"),
    path("stories/views/", views.save_view, name="save_view"),
    path("stories/views/<int:pk>/", views.change_view, name="change_view"),
    path("stories/views/<int:pk>/remove/", views.remove_view, name="remove_view"),
    *story_pages.urlpatterns,
]
