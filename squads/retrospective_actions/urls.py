from django.urls import path

from squads.retrospective_actions import views

app_name = "retrospective_actions"
urlpatterns = [
    path("retrospectives/actions/", views.action_list, name="list"),
    path("retrospectives/<slug:slug>/actions/new/", views.propose, name="propose"),
    path("retrospectives/actions/<int:pk>/story/", views.start, name="start"),
    path("retrospectives/actions/<int:pk>/decline/", views.decline, name="decline"),
    path("retrospectives/actions/<int:pk>/take-up/", views.take_up_again, name="take_up_again"),
    path("retrospectives/actions/<int:pk>/helped/", views.helped, name="helped"),
]
