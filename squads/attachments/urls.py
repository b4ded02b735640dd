from django.urls import path

from squads.attachments import views

app_name = "attachments"
urlpatterns = [
    path("stories/<str:key>/attachments/", views.attach, name="attach"),
    path("stories/<str:key>/attachments/<int:pk>/", views.download, name="download"),
    path("stories/<str:key>/attachments/<int:pk>/remove/", views.remove, name="remove"),
]
