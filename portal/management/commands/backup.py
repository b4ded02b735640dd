"""`manage.py backup [FILE]`: everything that Rodeo can't make again, in one file, while it runs."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.ops.backup import KEYS, BackupError, back_up, holds


class Command(BaseCommand):
    help = "Back up the database, and the keys of `make run`, into one file. Rodeo can go on running."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", nargs="?", type=Path, help="where to write it (default: backups/ in the state folder)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            path = back_up(options["file"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Saved {path} ({path.stat().st_size / 1e6:,.1f} MB). Copy it to another machine.")
        if KEYS[1] in holds(path):
            self.stdout.write(
                "It holds the keys too: whoever has this file can read everything, and the passwords of your sources."
            )
        else:
            self.stdout.write("RODEO_SECRET_KEY and RODEO_FIELD_KEYS are not in it. Keep a copy of them elsewhere.")
