from django.urls import path

# Its converter of slugs is used below.
import releases.planning.urls  # noqa: F401
from releases.sharing import views

app_name = "sharing"
urlpatterns = [
    path("releases/<release:slug>/links/", views.link_list, name="links"),
    path("releases/<release:slug>/links/<int:pk>/revoke/", views.link_revoke, name="revoke"),
    path("shared/<str:secret>/", views.shared, name="shared"),
]
