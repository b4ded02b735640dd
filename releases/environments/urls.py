from django.urls import path

from releases.environments import views

app_name = "environments"
urlpatterns = [
    path("environments/", views.environment_list, name="list"),
    path("environments/new/", views.environment_create, name="create"),
    path("environments/<slug:slug>/", views.environment_detail, name="detail"),
    path("environments/<slug:slug>/edit/", views.environment_edit, name="edit"),
    path("environments/<slug:slug>/confirmation/", views.environment_confirm, name="confirm"),
]
