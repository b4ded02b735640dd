"""`manage.py provider_docs`: write the tables of status words into docs/providers/."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from releases.providers import PROVIDERS
from releases.providers.status_docs import NoMarkers, docs_page, with_tables


class Command(BaseCommand):
    help = "Write what the status words of outside systems mean into docs/providers/, between the markers of each page."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is not current")

    def handle(self, *args: Any, check: bool = False, **options: Any) -> None:
        folder = Path(settings.BASE_DIR) / "docs" / "providers"
        stale = []
        for provider in PROVIDERS.values():
            page = docs_page(folder, provider)
            if not provider.tables:
                continue
            if not page.exists():
                raise CommandError(f"{provider.name} has no page {page.name} in docs/providers/. Write it first.")
            before = page.read_text()
            try:
                after = with_tables(before, provider.tables, page.name)
            except NoMarkers as error:
                raise CommandError(str(error)) from None
            if before != after:
                stale.append(page.name)
                if not check:
                    page.write_text(after)
        if check and stale:
            raise CommandError(f"Not current: {', '.join(stale)}. Run manage.py provider_docs.")
        self.stdout.write(f"Written: {', '.join(stale)}." if stale else "All pages are current.")
