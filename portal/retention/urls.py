from django.urls import path

from portal.retention import views

app_name = "retention"
urlpatterns = [path("administration/retention/", views.retention, name="retention")]
