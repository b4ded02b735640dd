from django.urls import path

from squads.teams import invitation_views, people_views, views

app_name = "teams"
urlpatterns = [
    path("squads/", views.squad_list, name="list"),
    path("squads/new/", views.squad_create, name="create"),
    path("squads/<slug:slug>/", views.squad_detail, name="detail"),
    path("squads/<slug:slug>/edit/", views.squad_edit, name="edit"),
    path("squads/<slug:slug>/archive/", views.squad_archive, name="archive"),
    path("squads/<slug:slug>/unarchive/", views.squad_unarchive, name="unarchive"),
    path("squads/<slug:slug>/people/", people_views.people, name="people"),
    path("squads/<slug:slug>/people/<int:pk>/", people_views.member_change, name="member_change"),
    path("squads/<slug:slug>/members/", people_views.member_add, name="member_add"),
    path("squads/<slug:slug>/members/remove/", people_views.member_remove, name="member_remove"),
    path("squads/<slug:slug>/invitations/", invitation_views.invite_to_squad, name="invite"),
    path("squads/<slug:slug>/invitations/<int:pk>/revoke/", invitation_views.revoke_of_squad, name="invitation_revoke"),
    path("squads/<slug:slug>/tokens/", people_views.token_create, name="token_create"),
    path("squads/<slug:slug>/tokens/<int:pk>/revoke/", people_views.token_revoke, name="token_revoke"),
    path("invitations/", invitation_views.invitations, name="invitations"),
    path("invitations/<int:pk>/revoke/", invitation_views.revoke, name="invitation_revoke_any"),
    path("invitations/<str:secret>/", invitation_views.accept, name="invitation"),
    path("services/", views.service_list, name="service_list"),
    path("services/new/", views.service_create, name="service_create"),
    path("services/<slug:slug>/", views.service_detail, name="service"),
    path("services/<slug:slug>/edit/", views.service_edit, name="service_edit"),
    path("services/<slug:slug>/claim/", views.service_claim, name="service_claim"),
]
