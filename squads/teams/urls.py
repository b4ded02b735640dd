from django.urls import path

from squads.teams import views

app_name = "teams"
urlpatterns = [
    path("squads/", views.squad_list, name="list"),
    path("squads/new/", views.squad_create, name="create"),
    path("squads/<slug:slug>/", views.squad_detail, name="detail"),
    path("squads/<slug:slug>/edit/", views.squad_edit, name="edit"),
    path("squads/<slug:slug>/members/", views.member_add, name="member_add"),
    path("squads/<slug:slug>/members/remove/", views.member_remove, name="member_remove"),
    path("services/", views.service_list, name="service_list"),
    path("services/new/", views.service_create, name="service_create"),
    path("services/<slug:slug>/", views.service_detail, name="service"),
    path("services/<slug:slug>/edit/", views.service_edit, name="service_edit"),
    path("services/<slug:slug>/claim/", views.service_claim, name="service_claim"),
]
