from django.urls import path

from releases.incidents import views

app_name = "incidents"
urlpatterns = [path("signals/", views.signal_list, name="signal_list")]
