"""manage.py remove_sample: take the sample company away."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.sample import company


class Command(BaseCommand):
    """Remove the sample company. What others added to it stays."""

    help = "Remove the sample company. What others added to it stays."

    def handle(self, *args: Any, **options: Any) -> None:
        gone = company.remove()
        self.stdout.write("The sample company is gone." if gone else "There is no sample company here.")
