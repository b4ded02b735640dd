from django.urls import path

# Its converter of slugs is used below.
import releases.planning.urls  # noqa: F401
from releases.release_retrospectives import views

app_name = "release_retrospectives"
urlpatterns = [
    path("releases/<release:slug>/retrospectives/", views.retrospective_list, name="list"),
    path("releases/<release:slug>/retrospective/", views.review, name="review"),
]
