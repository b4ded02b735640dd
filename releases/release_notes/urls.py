from django.urls import path

# Its converter of slugs is used below.
import releases.planning.urls  # noqa: F401
from releases.release_notes import views

app_name = "release_notes"
urlpatterns = [
    path("releases/<release:slug>/notes/", views.notes, name="notes"),
    path("releases/<release:slug>/notes.md", views.notes_markdown, name="markdown"),
    path("releases/<release:slug>/notes/generate/", views.notes_generate, name="generate"),
    path("releases/<release:slug>/notes/edit/", views.notes_edit, name="edit"),
    path("releases/<release:slug>/notes/mail/", views.notes_mail, name="mail"),
    path("releases/<release:slug>/notes/versions/", views.version_list, name="versions"),
    path("releases/<release:slug>/notes/versions/<int:number>/", views.version, name="version"),
]
