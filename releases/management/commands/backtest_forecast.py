"""manage.py backtest_forecast: how often forecasts would have held."""

import csv
from argparse import ArgumentParser
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.kernel import days
from releases.forecasts import backtest, history
from releases.forecasts.backtest import ITEMS, WINDOWS, Coverage
from releases.forecasts.bootstrap import TRIALS

COLUMNS = ("date", "finished")
LONGEST_SERIES = 40_000


class Command(BaseCommand):
    help = (
        "Print how often the 85 % date would have held: for every week of every release so far, with what was known then. "
        "A release that was never finished is a miss."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--csv", metavar="FILE", help="use a daily series instead, with the columns date,finished")
        parser.add_argument("--trials", type=int, default=TRIALS, help=f"trials of each forecast ({TRIALS})")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 100 <= options["trials"] <= 100_000:
            raise CommandError("--trials takes a number from 100 to 100,000.")
        if options["csv"]:
            self._series(read_series(Path(options["csv"])), options["trials"])
        else:
            self._releases(options["trials"])

    def _series(self, series: list[int], trials: int) -> None:
        self.stdout.write(f"{len(series)} days, {sum(series)} finished.")
        total = Coverage()
        for window in WINDOWS:
            for items in ITEMS:
                found = backtest.series_coverage(series, window, items, trials=trials)
                self.stdout.write(f"{window} days of history, {items} items: {said(found)}")
                _add(total, found)
        self.stdout.write(f"All: {said(total)}")

    def _releases(self, trials: int) -> None:
        releases, total = history.planned_releases(), Coverage()
        checked = backtest.release_coverage(
            releases, history.moves(), history.past_growth(), days.today(), zone=days.zone(), trials=trials
        )
        for name, found in checked.items():
            self.stdout.write(f"{name}: {said(found)}")
            _add(total, found)
        if not checked:
            self.stdout.write("No stories were ever planned for a release, so there is nothing to check.")
            return
        self.stdout.write(f"All: {said(total)}")


def said(found: Coverage) -> str:
    """Say how often forecasts held."""
    share = f" ({found.share:.2f})" if found.share is not None else ""
    also = f", {found.open} not over yet" if found.open else ""
    also += f", {found.refused} without a date" if found.refused else ""
    return f"85 % date held in {found.held} of {found.checked}{share}{also}"


def _add(total: Coverage, found: Coverage) -> None:
    total.held += found.held
    total.checked += found.checked
    total.open += found.open
    total.refused += found.refused


def read_series(path: Path) -> list[int]:
    """Return what was finished on each day from the first in a file to the last; a day that isn't there is a day with none.

    Raises CommandError naming the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not set(COLUMNS) <= set(rows.fieldnames or ()):
                raise CommandError(f"{path} needs the columns date and finished.")
            counts: dict[date, int] = {}
            for row in rows:
                day, count = _read(row, f"{path}, line {rows.line_num}")
                counts[day] = counts.get(day, 0) + count
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"{path} can’t be read: {error}") from None
    if not counts:
        raise CommandError(f"{path} has no days.")
    first, last = min(counts), max(counts)
    if (last - first).days > LONGEST_SERIES:
        raise CommandError(f"{path} goes from {first} to {last}, which is too long.")
    return [counts.get(first + timedelta(days=ahead), 0) for ahead in range((last - first).days + 1)]


def _read(row: dict[str, Any], where: str) -> tuple[date, int]:
    try:
        day, count = date.fromisoformat((row["date"] or "").strip()), int((row["finished"] or "").strip())
    except ValueError:
        raise CommandError(f"{where}: write a date such as 2026-03-14, and a whole number.") from None
    if count < 0:
        raise CommandError(f"{where}: finished can’t be negative.")
    return day, count
