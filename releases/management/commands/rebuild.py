"""manage.py rebuild: make every derived row again from the inbox."""

from typing import Any

from django.core.management.base import BaseCommand

from releases.reading.actions import rebuild


class Command(BaseCommand):
    """Empty what is derived and read the whole inbox again. What people wrote stays. Interrupted, it changes nothing."""

    help = "Delete everything derived and read all events again. What people entered stays. If interrupted, nothing changes."

    def handle(self, *args: Any, **options: Any) -> None:
        count = rebuild()
        self.stdout.write(
            f"Read {count} event{'' if count == 1 else 's'} again and rebuilt everything derived from them."
        )
