from django.urls import path

from releases.timelines import views

app_name = "timelines"
urlpatterns = [path("incidents/<str:key>/retrospective/", views.review, name="review")]
