from django.urls import path

from releases.monorepo import views

app_name = "monorepo"
urlpatterns = [
    path("sources/mapping/parts/", views.part_list, name="list"),
    path("sources/mapping/parts/new/", views.part_add, name="add"),
    path("sources/mapping/parts/<int:pk>/remove/", views.part_remove, name="remove"),
]
