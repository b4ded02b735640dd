"""manage.py restore_events: put exported contents of events back."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.retention.actions import leave_restored_contents_alone
from releases.inbox.actions import Restored, restore_contents
from releases.inbox.exports import DamagedFile


class Command(BaseCommand):
    """Put the contents of events back from files that retention wrote. Doing it twice changes nothing."""

    help = "Restore the contents of events from files that were exported before they were deleted."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, help="such as exports/events-2026-03.jsonl.gz")

    def handle(self, *args: Any, **options: Any) -> None:
        until = leave_restored_contents_alone()
        for path in options["files"]:
            try:
                done = restore_contents(path)
            except DamagedFile as error:
                raise CommandError(f"{error} What could be read before was restored.") from None
            self.stdout.write(f"{path}: {_said(done)}")
        self.stdout.write("Run `manage.py rebuild` now, to read them again with everything else.")
        if until is not None:
            self.stdout.write(f"Nothing of them is deleted again before {until.day} {until:%B %Y, %H:%M} UTC.")


def _said(done: Restored) -> str:
    text = f"restored {done.restored:,} event{'' if done.restored == 1 else 's'}."
    if done.known:
        text += f" {done.known:,} had their contents already."
    if done.homeless:
        text += f" Left out {done.homeless:,}: their source was removed."
    return text
