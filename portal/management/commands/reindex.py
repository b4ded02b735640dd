"""manage.py reindex: build what the search looks in anew, and say what was wrong with it."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.search.actions import Difference, differences, reindex

NAMED = 20


class Command(BaseCommand):
    help = "Rebuild the search index and say where it differed. The portal can keep running."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say where it differs; exit code 1 if it does")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            found = differences()
            self._say(found)
            if found:
                raise SystemExit(1)
            return
        counts, found = reindex()
        self.stdout.write("Indexed: " + ", ".join(f"{count} × {kind}" for kind, count in counts.items()) + ".")
        self._say(found)

    def _say(self, found: list[Difference]) -> None:
        if not found:
            self.stdout.write("The index was already correct.")
            return
        for (kind, problem), count in sorted(Counter((each.kind, each.problem) for each in found).items()):
            names = [each.name for each in found if (each.kind, each.problem) == (kind, problem)]
            more = f" and {count - NAMED} more" if count > NAMED else ""
            self.stdout.write(f"{count} × {kind} {problem}: {', '.join(names[:NAMED])}{more}")
