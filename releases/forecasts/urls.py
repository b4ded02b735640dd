from django.urls import path

# Its converter of slugs is used below.
import releases.planning.urls  # noqa: F401
from releases.forecasts import views

app_name = "forecasts"
urlpatterns = [
    path("releases/<release:slug>/forecast/", views.forecast, name="forecast"),
    path("releases/<release:slug>/forecast/finished/", views.finished, name="finished"),
]
