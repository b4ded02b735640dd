"""Hosts inside the company's network that sources may ask."""

from django.conf import settings
from django.db import models


class AllowedHost(models.Model):
    """A host inside the company's own network that an administrator lets Rodeo ask. All others in there are closed."""

    host = models.CharField(max_length=253, unique=True, help_text="A name or address, without scheme and port.")
    note = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "releases"
        ordering = ["host"]

    def __str__(self) -> str:
        return self.host
