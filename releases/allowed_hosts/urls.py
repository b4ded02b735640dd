from django.urls import path

from releases.allowed_hosts import views

app_name = "allowed_hosts"
urlpatterns = [
    path("sources/hosts/", views.host_list, name="list"),
    path("sources/hosts/<int:pk>/remove/", views.host_remove, name="remove"),
]
