from django.urls import path

from releases.freezes import views

app_name = "freezes"
urlpatterns = [
    path("freezes/", views.freeze_list, name="list"),
    path("freezes/new/", views.freeze_create, name="create"),
    path("freezes/import/", views.freeze_import, name="import"),
    path("freezes/calendar.ics", views.calendar_file, name="calendar"),
    path("freezes/calendar/", views.feed, name="feed"),
    path("freezes/calendar/remove/", views.feed_remove, name="feed_remove"),
    path("freezes/calendar/<str:secret>/freezes.ics", views.subscribed, name="subscribed"),
    path("freezes/<int:pk>/", views.freeze_detail, name="detail"),
    path("freezes/<int:pk>/edit/", views.freeze_edit, name="edit"),
    path("freezes/<int:pk>/delete/", views.freeze_delete, name="delete"),
    path("freezes/<int:pk>/lift/", views.freeze_lift, name="lift"),
    path("freezes/lifts/<int:pk>/withdraw/", views.lift_withdraw, name="lift_withdraw"),
]
