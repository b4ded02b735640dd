from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        """Connect the features to each other, now that all their models are there."""
        from portal import subscriptions

        subscriptions.connect()
