from django.urls import path

# Its converter of slugs is used below.
import releases.planning.urls  # noqa: F401
from releases.status import views

app_name = "status"
urlpatterns = [path("releases/<release:slug>/status/", views.status, name="status")]
