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
        from allauth.account.signals import user_signed_up
        from allauth.mfa.signals import authenticator_added
        from django.contrib.auth.signals import user_logged_in

        from portal import subscriptions
        from portal.accounts.middleware import second_factor_added, signed_in, signed_up
        from portal.ops.checks import unread_variables

        subscriptions.connect()
        user_logged_in.connect(signed_in)
        user_signed_up.connect(signed_up)
        authenticator_added.connect(second_factor_added)
        checks.register(unread_variables)
