from django.urls import path

from squads.retrospective_feeds import views

app_name = "retrospective_feeds"
urlpatterns = [
    path("retrospectives/feeds/", views.address_list, name="addresses"),
    path("retrospectives/feeds/<int:pk>/revoke/", views.address_revoke, name="revoke"),
    path("retrospectives/feeds/<str:secret>/retrospectives.atom", views.feed, name="feed"),
]
