from django.urls import path

from squads.comments import views

app_name = "comments"
urlpatterns = [
    path("people/suggestions/", views.people, name="people"),
    path("stories/<str:key>/comments/", views.comment_list, name="list"),
    path("stories/<str:key>/comments/new/", views.comment_add, name="create"),
    path("stories/<str:key>/comments/<int:pk>/edit/", views.comment_edit, name="edit"),
    path("stories/<str:key>/comments/<int:pk>/remove/", views.comment_remove, name="remove"),
    path("stories/<str:key>/watch/", views.watch, name="watch"),
    path("stories/<str:key>/relations/", views.relation_add, name="relation_add"),
    path("stories/<str:key>/relations/<int:pk>/remove/", views.relation_remove, name="relation_remove"),
]
