from django.urls import path

from releases.attributions import views

app_name = "attributions"
urlpatterns = [
    path("incidents/<str:key>/attributions/", views.attribute, name="add"),
    path("attributions/<int:pk>/answer/", views.answer, name="answer"),
]
