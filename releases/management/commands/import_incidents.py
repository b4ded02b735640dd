"""Import a log of incidents from a CSV file."""

from pathlib import Path
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.models import User
from releases.incident_imports import formats
from releases.incident_imports.actions import import_incidents


class Command(BaseCommand):
    """Imports each row of a CSV file as an incident, all of them or none; a second time it adds nothing."""

    help = "Import a log of incidents from a CSV file. Rows that were imported before are left as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--by", required=True, help="user name of the person who imports it")
        parser.add_argument("--zone", default="UTC", help="time zone of times that name none, such as Europe/Berlin")
        parser.add_argument(
            "--order", default=formats.AUTO, choices=[formats.AUTO, formats.DAY_FIRST, formats.MONTH_FIRST]
        )
        parser.add_argument("--skip", action="store_true", help="skip rows that can’t be read")
        parser.add_argument("--only-columns", action="store_true", help="rows are maintenance only if a column says so")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(username=options["by"], is_active=True).first()
        if person is None:
            raise CommandError(f"There’s no account “{options['by']}”. Give a user name.")
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There’s no file {path}.")
        try:
            done = import_incidents(
                path.read_bytes(),
                by=person,
                name=path.name,
                zone=options["zone"],
                order=options["order"],
                by_words=not options["only_columns"],
                skip_bad=options["skip"],
            )
        except (ValidationError, PermissionDenied) as error:
            raise CommandError("\n".join(getattr(error, "messages", [str(error)]))) from None
        self.stdout.write(
            f"Imported {done.created - done.maintenance} incidents and {done.maintenance} of maintenance. "
            f"{done.unchanged} were here already, {done.skipped} skipped."
        )
