from django.urls import path

# Its converter of slugs is used below.
import releases.planning.urls  # noqa: F401
from releases.release_trains import views

app_name = "release_trains"
urlpatterns = [
    path("trains/", views.train_list, name="list"),
    path("trains/new/", views.train_create, name="create"),
    path("trains/<int:pk>/", views.train_detail, name="detail"),
    path("trains/<int:pk>/edit/", views.train_edit, name="edit"),
    path("trains/<int:pk>/state/", views.train_state, name="state"),
    path("trains/<int:pk>/existing/", views.train_take, name="take"),
    path("releases/<release:slug>/missed/", views.missed_stories, name="missed"),
]
