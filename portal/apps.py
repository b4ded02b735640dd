import gc

from django.apps import AppConfig
from django.core import checks


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        """Connect the features to each other, now that all their models are there."""
        # What was imported stays for good, and rows are read by the thousand without a cycle among them: looking for
        # cycles after every 700 objects took an eighth of the time of a judgement.
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        from portal import subscriptions
        from portal.ops.checks import unread_variables

        subscriptions.connect()
        checks.register(unread_variables)
