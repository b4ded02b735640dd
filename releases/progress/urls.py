from django.urls import path

# Its converter of slugs is used below.
import releases.planning.urls  # noqa: F401
from releases.progress import views

app_name = "progress"
urlpatterns = [
    path("releases/<release:slug>/progress/", views.release_progress, name="progress"),
    path("releases/<release:slug>/scope/", views.release_scope, name="scope"),
]
