from django.urls import path

from squads.labels import views

app_name = "labels"
urlpatterns = [
    path("squads/<slug:slug>/labels/", views.label_list, name="list"),
    path("squads/<slug:slug>/labels/<int:pk>/", views.label_rename, name="rename"),
    path("squads/<slug:slug>/labels/<int:pk>/remove/", views.label_remove, name="remove"),
]
