"""manage.py load_sample: fill the portal with the sample company."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.sample import company


class Command(BaseCommand):
    """Load the sample company through the same verbs, inbox and tasks as everything else."""

    help = "Load the sample company: squads, stories, a git repository and the events of a small market's systems."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="do nothing when the portal holds anything already")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["if_empty"] and not company.is_empty():
            self.stdout.write("The portal holds something already: no sample company.")
            return
        try:
            company.load(lambda line: self.stdout.write(f"sample company: {line}"))
        except company.Refused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write("The sample company is loaded. `manage.py remove_sample` takes it away again.")
