from django.apps import AppConfig
from django.core import checks


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        """Connect the features to each other, now that all their models are there."""
        from portal import subscriptions
        from portal.ops.checks import unread_variables

        subscriptions.connect()
        checks.register(unread_variables)
