from django.urls import path

from portal.dead_messages import views

app_name = "dead_messages"
urlpatterns = [
    path("dead-messages/", views.message_list, name="list"),
    path("dead-messages/redeliver-all/", views.redeliver_all, name="redeliver_all"),
    path("dead-messages/<int:pk>/redeliver/", views.redeliver, name="redeliver"),
]
