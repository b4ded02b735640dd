"""manage.py reindex: build what the search looks in anew."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.search.actions import reindex


class Command(BaseCommand):
    help = "Build the index of the search anew. The portal may go on meanwhile."

    def handle(self, *args: Any, **options: Any) -> None:
        counts = reindex()
        self.stdout.write("Indexed: " + ", ".join(f"{count} × {kind}" for kind, count in counts.items()) + ".")
