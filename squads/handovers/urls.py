from django.urls import path

from squads.handovers import views

app_name = "handovers"
urlpatterns = [path("stories/<str:key>/squad/", views.story_squad, name="squad")]
