"""The people of the portal."""

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """A person who signs in. Staff are administrators: they may write everywhere and connect sources."""

    class Meta(AbstractUser.Meta):
        app_label = "portal"

    @property
    def name(self) -> str:
        """How pages call this person: the full name, else the user name."""
        return self.get_full_name() or self.username
