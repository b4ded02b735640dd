from django.urls import path

from releases.overview import views

app_name = "overview"
urlpatterns = [
    path("readiness/", views.overview, name="list"),
    path("readiness/views/", views.save_view, name="save_view"),
    path("readiness/views/<int:pk>/remove/", views.remove_view, name="remove_view"),
    path("readiness/digest/", views.digest, name="digest"),
]
