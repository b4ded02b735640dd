from django.urls import path

from portal.administration import views

app_name = "administration"
urlpatterns = [
    path("administration/", views.index, name="index"),
    path("administration/access/", views.access_page, name="access"),
    path("administration/audit/", views.audit_log, name="audit"),
    path("administration/system/", views.system, name="system"),
    path("administration/system/test-mail/", views.test_mail, name="test_mail"),
]
