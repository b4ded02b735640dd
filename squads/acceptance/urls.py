from django.urls import path

from squads.acceptance import views

app_name = "acceptance"
urlpatterns = [
    path("acceptance/", views.waiting, name="waiting"),
    path("stories/<str:key>/accepter/", views.plan, name="plan"),
    path("stories/<str:key>/acceptance-requests/", views.ask, name="ask"),
    path("stories/<str:key>/acceptance-requests/<int:pk>/answer/", views.answer, name="answer"),
    path("stories/<str:key>/acceptance-requests/<int:pk>/withdraw/", views.withdraw, name="withdraw"),
]
