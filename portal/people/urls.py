from django.urls import path

from portal.people import views

app_name = "people"
urlpatterns = [
    path("administration/people/", views.people_list, name="list"),
    path("administration/people/<int:pk>/", views.person, name="person"),
    path("administration/people/<int:pk>/role/", views.role, name="role"),
    path("administration/people/<int:pk>/email/", views.email, name="email"),
    path("administration/people/<int:pk>/state/", views.state, name="state"),
    path("administration/people/<int:pk>/delete/", views.delete, name="delete"),
    path("administration/people/<int:pk>/sign-out/", views.sign_out, name="sign_out"),
    path("administration/people/<int:pk>/second-factor/", views.second_factor, name="second_factor"),
    path("administration/people/<int:pk>/password/", views.password, name="password"),
]
