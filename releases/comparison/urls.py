from django.urls import path

from releases.comparison import views

app_name = "comparison"
urlpatterns = [path("environments/<slug:slug>/compare/", views.compare, name="compare")]
