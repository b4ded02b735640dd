from django.urls import path

from releases.evidence import link_views

app_name = "evidence"
urlpatterns = [
    path("changes/unlinked/", link_views.unlinked, name="unlinked_changes"),
    path("changes/<uuid:pk>/link/", link_views.link_here, name="link_here"),
    path("stories/<str:key>/changes/link/", link_views.link, name="link"),
    path("stories/<str:key>/changes/<uuid:pk>/unlink/", link_views.unlink, name="unlink"),
]
