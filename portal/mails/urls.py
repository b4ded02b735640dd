from django.urls import path

from portal.mails import views

app_name = "mails"
urlpatterns = [
    path("mails/", views.mail_list, name="list"),
    path("mails/resend-all/", views.resend_all, name="resend_all"),
    path("mails/<int:pk>/resend/", views.resend, name="resend"),
    path("mails/<int:pk>/delete/", views.delete, name="delete"),
]
