"""`manage.py restore FILE`: what a backup holds, in place of what is here."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.ops.backup import BackupError
from portal.ops.restore import restore


class Command(BaseCommand):
    help = "Restore a backup. Rodeo must be stopped. What is here now is kept beside it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a file that `manage.py backup` wrote")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = restore(options["file"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Restored the backup of {done.made_at[:16].replace('T', ' ')} UTC.")
        for path in done.kept:
            self.stdout.write(f"What was there before is now {path}. Delete it when you don’t need it.")
        if not done.readable:
            self.stdout.write(
                "RODEO_FIELD_KEYS doesn’t have the key of this backup, so secrets of sources can’t be read. Add that key after "
                "the newest one, or enter the secrets again."
            )
        self.stdout.write(
            "If the backup is older than this version, `manage.py migrate` comes next (`make run` does it)."
        )
