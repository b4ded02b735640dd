"""Moments as other systems write them. Where a text could be two days, the other values of its column decide the order."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo

# What comes first in a date of three numbers.
ORDERS = {"day_first": "the day first", "month_first": "the month first", "year_first": "the year first"}
# English, German, French, Spanish, Italian, Portuguese and Dutch, in full and as their exports shorten them. No two clash.
MONTH_NAMES = (
    "jan january januar jänner janv janvier ene enero gen gennaio janeiro januari",
    "feb february februar févr février febrero febbraio fev fevereiro februari",
    "mar march mär märz mrz mars marzo março mrt maart",
    "apr april avr avril abr abril aprile",
    "may mai mayo mag maggio maio mei",
    "jun june juni juin junio giu giugno junho",
    "jul july juli juil juillet julio lug luglio julho",
    "aug august août ago agosto augustus",
    "sep sept september septembre septiembre set settembre setembro",
    "oct october okt oktober octobre octubre ott ottobre out outubro",
    "nov november novembre noviembre novembro",
    "dec december dez dezember déc décembre dic diciembre dicembre dezembro",
)
MONTHS = {name: number for number, names in enumerate(MONTH_NAMES, 1) for name in names.split()}
TIME = (
    r"(?:,?[ T]+([0-9]{1,2})[:.]([0-9]{2})(?:[:.]([0-9]{2})(?:[.,][0-9]{1,9})?)?(?: ?([AaPp])\.?[Mm]\.?)?"
    r"(?: ?(Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?)?"
)
DAY_MONTH = re.compile(rf"([0-9]{{1,2}})\.?[/ -]+([^\W\d_]{{3,12}})\.?[/ -]+([0-9]{{4}}|[0-9]{{2}}){TIME}")
MONTH_DAY = re.compile(rf"([^\W\d_]{{3,12}})\.? ([0-9]{{1,2}}),? ([0-9]{{4}}){TIME}")
NUMBERS = re.compile(rf"([0-9]{{1,4}})([./-]) ?([0-9]{{1,2}})\2 ?([0-9]{{1,4}})\.?{TIME}")
# Only where a day and a month follow: of "March 5, 2026" it would be the month.
WEEKDAY = re.compile(r"^[^\W\d_]{2,10}\.?,? (?=[0-9]{1,2}\.?[ /-]+[^\W\d_]|[0-9]{1,4}[./-]|[^\W\d_]{3,12}\.? [0-9])")
# 2025年6月21日.
CHINESE = re.compile(r"([0-9]{4}) ?年 ?([0-9]{1,2}) ?月 ?([0-9]{1,2}) ?日")
LONGEST = 60
# Two digits of a year from here on are of the last century.
LAST_CENTURY = 70
EARLIEST, LATEST = 1970, 9000


def readings(text: str) -> dict[str, datetime]:
    """Return what a date of three numbers may mean, by the order of its parts; nothing for what is none."""
    match = NUMBERS.fullmatch(_plain(text)) if len(text) <= LONGEST else None
    if match is None:
        return {}
    first, mark, second, third = match[1], match[2], match[3], match[4]
    if len(first) > 2:
        orders = {"year_first": (first, second, third)}
    else:
        orders = {"day_first": (third, second, first)}
        if mark != ".":
            orders["month_first"] = (third, first, second)
            if len(third) <= 2:
                orders["year_first"] = (first, second, third)
    found = {name: _moment(*parts, *match.groups()[4:]) for name, parts in orders.items()}
    return {name: at for name, at in found.items() if at is not None}


def _plain(text: str) -> str:
    """Return a date without its weekday, and one of East Asia with slashes."""
    return CHINESE.sub(r"\1/\2/\3", WEEKDAY.sub("", text.strip(), count=1))


def _moment(
    year: str, month: str, day: str, hour: str, minute: str, second: str, half: str, zone: str
) -> datetime | None:
    """Return the moment of these parts; `half` is the half of the day, "a" or "p", and `zone` its zone, where they are said."""
    years, hours = int(year), int(hour or 0)
    if len(year) <= 2:
        years += 1900 if years >= LAST_CENTURY else 2000
    if half:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half.lower() == "p" else 0)
    try:
        found = datetime(years, int(month), int(day), hours, int(minute or 0), int(second or 0))
        if not zone:
            return found
        away = timedelta() if zone[0] not in "+-" else timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        return found.replace(tzinfo=timezone(-away if zone[0] == "-" else away))
    except ValueError:
        return None


def order_of(texts: Iterable[str], said: str = "") -> tuple[str, bool]:
    """Return the order of the dates of a column, and whether it must be asked for.

    `said` is what a person said; values that can be read in one order only count for more.
    """
    possible: set[str] | None = None
    open_ones = False
    for text in texts:
        found = readings(text)
        if len(set(found.values())) > 1:
            open_ones = True
        elif len(found) != 1:
            # No date of numbers, or the same day in any order.
            continue
        possible = set(found) if possible is None else possible & set(found)
    if possible is not None and len(possible) == 1:
        return possible.pop(), False
    return (said, False) if said in ORDERS else ("", open_ones)


def moment(text: str, order: str = "", zone: tzinfo = UTC) -> datetime | None:
    """Read a moment; one without a zone is of `zone`. None for what is no moment, or could be two in this order."""
    text = text.strip()
    if not text or len(text) > LONGEST:
        return None
    found = _named(text)
    if found is None:
        possible = readings(text)
        either = set(possible.values())
        found = possible.get(order) or (either.pop() if len(either) == 1 else None)
    if found is None or not EARLIEST <= found.year <= LATEST:
        return None
    try:
        return (found.replace(tzinfo=zone) if found.tzinfo is None else found).astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def _named(text: str) -> datetime | None:
    """Read what can be read in one way only: ISO 8601, or with the month's name."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        text = _plain(text)
    if match := DAY_MONTH.fullmatch(text):
        day, month, year, *time = match.groups()
    elif match := MONTH_DAY.fullmatch(text):
        month, day, year, *time = match.groups()
    else:
        return None
    number = MONTHS.get(unicodedata.normalize("NFC", month).lower())
    return _moment(year, str(number), day, *time) if number else None


def is_moment(text: str) -> bool:
    """Say whether a text is a moment, or could be one of several."""
    return moment(text) is not None or bool(readings(text))
