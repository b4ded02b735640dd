from django.urls import path, register_converter

from releases.planning import views


class Slug:
    """A release's place in addresses: 5.10, v1.2.3+1, shop-2026_02."""

    regex = r"[A-Za-z0-9._+-]+"

    def to_python(self, value: str) -> str:
        """Take it as it is."""
        return value

    def to_url(self, value: str) -> str:
        """Write it as it is."""
        return value


register_converter(Slug, "release")
app_name = "planning"
urlpatterns = [
    path("releases/", views.release_list, name="list"),
    path("releases/new/", views.release_create, name="create"),
    path("releases/<release:slug>/", views.release_board, name="board"),
    path("releases/<release:slug>/edit/", views.release_edit, name="edit"),
    path("releases/<release:slug>/abandon/", views.release_abandon, name="abandon"),
    path("releases/<release:slug>/resume/", views.release_resume, name="resume"),
    path("releases/<release:slug>/plan/", views.release_plan, name="plan"),
    path("releases/<release:slug>/changes/", views.release_changes, name="changes"),
    path("releases/<release:slug>/unlinked/", views.release_unlinked, name="unlinked"),
]
