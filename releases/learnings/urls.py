from django.urls import path

# Its converter of slugs is used below.
import releases.planning.urls  # noqa: F401
from releases.learnings import views

app_name = "learnings"
OF = "releases/<release:slug>/readiness/learnings"
urlpatterns = [
    path(f"{OF}/to-read/", views.to_read, name="to_read"),
    path(f"{OF}/<slug:retrospective>/read/", views.say_read, name="read"),
    path(f"{OF}/<slug:retrospective>/take-back/", views.take_back, name="take_back"),
]
