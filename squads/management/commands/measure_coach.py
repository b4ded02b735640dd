"""manage.py measure_coach: how often the language coach is right on labelled sentences."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from squads.language_coach import measuring
from squads.language_coach.measuring import Judged, Score


class Command(BaseCommand):
    help = (
        "Print precision and recall of the language coach on a CSV file with the columns sentence and label "
        "(blameful, counterfactual, fine), and each sentence that it misses or flags wrongly."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        judged = measuring.judge(read(options["file"]))
        self.stdout.write(f"{len(judged)} sentences.")
        for label in measuring.LABELS[:-1]:
            self.stdout.write(f"{label}: {said(measuring.of_label(judged, label))}")
        self.stdout.write(f"overall: {said(measuring.overall(judged))}")
        self._list("Missed", [each for each in judged if each.label != measuring.FINE and not each.found])
        self._list("Flagged wrongly", [each for each in judged if each.label == measuring.FINE and each.found])

    def _list(self, title: str, found: list[Judged]) -> None:
        if found:
            self.stdout.write(f"\n{title}:")
        for each in found:
            self.stdout.write(f"- {each.sentence} ({', '.join(sorted(each.found)) or each.label})")


def read(path: Path) -> list[tuple[str, str]]:
    try:
        return measuring.read(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}. Give the path of a CSV file.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} isn't UTF-8. Save it as CSV in UTF-8.") from error
    except measuring.WrongFile as error:
        raise CommandError(str(error)) from error


def said(score: Score) -> str:
    def share(value: float | None) -> str:
        return "none" if value is None else f"{value:.2f}"

    return (
        f"precision {share(score.precision)}, recall {share(score.recall)} "
        f"({score.right} right, {score.wrong} wrong, {score.missed} missed)"
    )
