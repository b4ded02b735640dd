"""`manage.py rotate_keys`: write every secret anew with the newest key, so that older keys can be taken away."""

from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from portal.kernel.secrets import box, secret_fields

# What django-allauth keeps in JSON of a second factor (portal.accounts.adapters.SecondFactor encrypts it).
FACTOR_SECRETS = ("secret", "seed")


class Command(BaseCommand):
    help = "Encrypt every stored secret with the first of RODEO_FIELD_KEYS. Run it after putting a new key first."

    def handle(self, *args: Any, **options: Any) -> None:
        written = 0
        for model, name in secret_fields():
            with transaction.atomic():
                for row in model._default_manager.select_for_update().exclude(**{name: ""}):
                    value = getattr(row, name)
                    if not value:
                        raise CommandError(
                            f"{model._meta.verbose_name} “{row}”: its {name} can’t be read with RODEO_FIELD_KEYS. Put "
                            "the key back that wrote it, or enter the secret again (a mail: delete it). Nothing of this kind was "
                            "changed."
                        )
                    model._default_manager.filter(pk=row.pk).update(**{name: value})
                    written += 1
        written += self._factors()
        self.stdout.write(f"{written} secrets are now encrypted with the newest key.")

    def _factors(self) -> int:
        written = 0
        with transaction.atomic():
            for factor in Authenticator.objects.select_for_update():
                kept = {name: factor.data[name] for name in FACTOR_SECRETS if name in factor.data}
                try:
                    anew: dict[str, Any] = {name: box().rotate(value.encode()).decode() for name, value in kept.items()}
                    old = factor.data.get("migrated_codes")
                    if old:
                        anew["migrated_codes"] = [box().rotate(each.encode()).decode() for each in old]
                except InvalidToken:
                    raise CommandError(
                        f"The two-step sign-in of {factor.user} can’t be read with RODEO_FIELD_KEYS. Put the key back that "
                        "wrote it, or delete it on the admin pages. Nothing of this kind was changed."
                    ) from None
                if anew:
                    Authenticator.objects.filter(pk=factor.pk).update(data={**factor.data, **anew})
                    written += len(anew)
        return written
