"""What this portal says about who is a bot."""

from django.conf import settings
from django.db import models


class BotRule(models.Model):
    """Whoever is called so is a bot, or is none. It decides before what Rodeo recognises by itself."""

    name = models.CharField(
        max_length=200,
        unique=True,
        help_text="A name, login or e-mail address, as in commits and pull requests. * matches anything.",
    )
    is_bot = models.BooleanField(default=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "releases"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
