from django.urls import path

from releases.bots import views

app_name = "bots"
urlpatterns = [
    path("sources/bots/", views.bot_list, name="list"),
    path("sources/bots/<int:pk>/remove/", views.bot_remove, name="remove"),
]
