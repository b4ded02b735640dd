from django.urls import path

from releases.outside_checks import views

app_name = "outside_checks"
urlpatterns = [
    path("outside-checks/", views.check_list, name="list"),
    path("outside-checks/add/", views.check_add, name="add"),
    path("outside-checks/<int:pk>/remove/", views.check_remove, name="remove"),
]
