from django.urls import path

from squads.language_coach import views

app_name = "language_coach"
urlpatterns = [
    path("retrospectives/coach/", views.check, name="check"),
]
