from django.urls import path

from releases.incidents import views

app_name = "incidents"
urlpatterns = [path("signals/", views.alert_list, name="alert_list")]
