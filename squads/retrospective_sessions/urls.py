from django.urls import path

from squads.retrospective_sessions import views

app_name = "retrospective_sessions"
urlpatterns = [
    path("retrospectives/<slug:slug>/session/", views.session, name="session"),
    path("retrospectives/<slug:slug>/session/parts/", views.parts, name="parts"),
    path("retrospectives/<slug:slug>/session/anonymity/", views.anonymity, name="anonymity"),
    path("retrospectives/<slug:slug>/session/opening/", views.opening, name="opening"),
    path("retrospectives/<slug:slug>/session/rules/", views.rules, name="rules"),
    path("retrospectives/<slug:slug>/session/phase/", views.phase, name="phase"),
    path("retrospectives/<slug:slug>/session/timer/", views.timer, name="timer"),
    path("retrospectives/<slug:slug>/session/cards/", views.cards, name="cards"),
    path("retrospectives/<slug:slug>/session/groups/", views.groups, name="groups"),
    path("retrospectives/<slug:slug>/session/groups/name/", views.group_name, name="group_name"),
    path("retrospectives/<slug:slug>/session/votes/", views.votes, name="votes"),
    path("retrospectives/<slug:slug>/session/notes/", views.notes, name="notes"),
]
