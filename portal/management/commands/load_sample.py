"""manage.py load_sample: fill the portal with the sample company."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.sample import company


class Command(BaseCommand):
    """Load the sample company through the same verbs, inbox and tasks as everything else."""

    help = "Load the sample company: squads, stories, a git repository and events."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="do nothing if there is data already")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["if_empty"] and not company.is_empty() and not company.is_unfinished():
            self.stdout.write("There’s already data here, so the sample company wasn’t loaded.")
            return
        try:
            company.load(lambda line: self.stdout.write(f"sample company: {line}"))
        except company.Refused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write("Sample company loaded. Remove it with `manage.py remove_sample`.")
