"""Import postmortems in Markdown from a folder."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.models import User
from squads.retrospective_imports.actions import import_files, is_markdown, left_out_words
from squads.teams.models import Squad


class Command(BaseCommand):
    """Imports every Markdown file of a folder as an incident review of a squad, and says what became of each."""

    help = "Import postmortems in Markdown from a folder. A file that was imported before is left as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--squad", required=True, help="slug of the squad they belong to")
        parser.add_argument(
            "--by", required=True, help="user name of the person who imports them, a member of the squad"
        )
        parser.add_argument("--publish", action="store_true", help="publish them at once")

    def handle(self, *args: Any, **options: Any) -> None:
        squad = Squad.objects.filter(slug=options["squad"]).first()
        if squad is None:
            raise CommandError(f"There’s no squad “{options['squad']}”. Give its slug, as in its address.")
        person = User.objects.filter(username=options["by"], is_active=True).first()
        if person is None:
            raise CommandError(f"There’s no account “{options['by']}”. Give a user name.")
        folder: Path = options["folder"]
        if not folder.is_dir():
            raise CommandError(f"There’s no folder {folder}.")
        every = sorted(each for each in folder.rglob("*") if each.is_file())
        paths = [each for each in every if is_markdown(each.name)]
        files = ((path.name, path.read_bytes()) for path in paths)
        failed = 0
        for outcome in import_files(squad, files, by=person, publish=options["publish"]):
            failed += outcome.row is None
            said = outcome.problem or f"{outcome.row} ({outcome.entries} timeline entries)"
            self.stdout.write(f"{outcome.name}: {said}")
            for note in outcome.notes:
                self.stdout.write(f"    {note}")
        others = left_out_words([str(each.relative_to(folder)) for each in every if not is_markdown(each.name)])
        if others:
            self.stdout.write(others)
        self.stdout.write(f"{len(paths) - failed} of {len(paths)} files imported.")
