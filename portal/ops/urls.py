from django.urls import path

from portal.ops import views

app_name = "ops"
urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("metrics", views.metrics_page, name="metrics"),
    path("readyz", views.readyz, name="readyz"),
    path("status", views.status, name="status"),
]
