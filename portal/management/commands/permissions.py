"""`manage.py permissions`: write the table of who may do what (docs/permissions.md)."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.ops.permissions import document


class Command(BaseCommand):
    help = "Print who may do what at which address, as Markdown: manage.py permissions > docs/permissions.md"

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(document(), ending="")
