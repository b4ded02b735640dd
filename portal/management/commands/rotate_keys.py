"""`manage.py rotate_keys`: write every secret anew with the newest key, so that older keys can be taken away."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from portal.kernel.secrets import secret_fields


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
                            f"{model._meta.verbose_name} “{row}”: its {name} cannot be read with RODEO_FIELD_KEYS. Put "
                            "the key back that wrote it, or enter the secret again. Nothing of this kind was changed."
                        )
                    model._default_manager.filter(pk=row.pk).update(**{name: value})
                    written += 1
        self.stdout.write(f"{written} secrets are now encrypted with the newest key.")
