from django.urls import path

# Its converter of slugs is used below.
import releases.planning.urls  # noqa: F401
from releases.snapshots import views

app_name = "snapshots"
urlpatterns = [
    path("releases/<release:slug>/snapshots/", views.of_release, name="list"),
    path("releases/<release:slug>/snapshots/take/", views.take, name="take"),
    path("snapshots/<str:sha256>/", views.detail, name="detail"),
    path("snapshots/<str:sha256>/document/", views.download, name="document"),
]
