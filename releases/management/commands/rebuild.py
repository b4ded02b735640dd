"""manage.py rebuild: make every derived row again from the inbox."""

from typing import Any

from django.core.management.base import BaseCommand

from releases.inbox.queries import said_of_deleted_contents
from releases.reading.actions import rebuild

HOW_TO_RESTORE = (
    "New mapping rules, changed settings of sources and newer versions of Rodeo don’t apply to them. If they should, stop now "
    "(Ctrl-C), restore the exported contents with `manage.py restore_events FILE…`, and rebuild again."
)


class Command(BaseCommand):
    """Empty what is derived and read the whole inbox again. What people wrote stays. Interrupted, it changes nothing."""

    help = "Delete everything derived and read all events again. What people entered stays. If interrupted, nothing changes."

    def handle(self, *args: Any, **options: Any) -> None:
        left = said_of_deleted_contents()
        if left:
            self.stdout.write(f"{left} {HOW_TO_RESTORE}")
        count = rebuild()
        self.stdout.write(
            f"Read {count} event{'' if count == 1 else 's'} again and rebuilt everything derived from them."
        )
