"""`manage.py gate_docs`: write the table of gates into docs/readiness.md."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from releases.gates.gate_docs import NoMarkers, with_table


class Command(BaseCommand):
    help = "Write what each gate of a release asks for into docs/readiness.md, between its markers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail when the page is not current")

    def handle(self, *args: Any, check: bool = False, **options: Any) -> None:
        page = Path(settings.BASE_DIR) / "docs" / "readiness.md"
        before = page.read_text()
        try:
            after = with_table(before)
        except NoMarkers as error:
            raise CommandError(str(error)) from None
        if before == after:
            self.stdout.write("The page is current.")
        elif check:
            raise CommandError("docs/readiness.md isn’t current. Run manage.py gate_docs.")
        else:
            page.write_text(after)
            self.stdout.write("Written.")
