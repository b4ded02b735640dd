from django.urls import path

from releases.required_pipelines import views

app_name = "required_pipelines"
urlpatterns = [
    path("services/<slug:slug>/pipelines/", views.pipelines, name="edit"),
    path("services/<slug:slug>/pipelines/require/", views.require, name="require"),
]
