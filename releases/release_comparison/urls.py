from django.urls import path

from releases.release_comparison import views

app_name = "release_comparison"
urlpatterns = [path("comparison/", views.compare, name="compare")]
