"""manage.py remove_sample: take the sample company away."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.sample import removal


class Command(BaseCommand):
    """Remove the sample company. What others added stays."""

    help = "Remove the sample company. What others added stays."

    def handle(self, *args: Any, **options: Any) -> None:
        gone = removal.remove()
        self.stdout.write("Sample company removed." if gone else "There is no sample company here.")
