from django.urls import path

from releases.release_calendar import views

app_name = "release_calendar"
urlpatterns = [
    path("calendar/", views.calendar, name="calendar"),
    path("calendar/addresses/", views.address_list, name="addresses"),
    path("calendar/addresses/<int:pk>/revoke/", views.address_revoke, name="revoke"),
    path("calendar/feeds/<str:secret>/releases.ics", views.feed, name="feed"),
]
