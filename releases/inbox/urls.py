from django.urls import path

from releases.inbox import hooks

app_name = "inbox"
urlpatterns = [
    path("hooks/<slug:key>/", hooks.hook, name="hook"),
    # Buildbot takes no address that ends in a slash, and would not follow a redirect to one.
    path("hooks/<slug:key>", hooks.hook, name="hook_without_slash"),
]
