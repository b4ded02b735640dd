"""The zone of a source's times, for systems that write times without one. Never guessed: a person chooses it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from difflib import get_close_matches
from re import fullmatch
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from releases.providers import parse
from releases.providers.base import InvalidSetting, Setting
from releases.providers.facts import NoZone

ZONE = Setting(
    "zone",
    "Time zone",
    "For times without one, such as 2026-01-31T12:00:00. Write Europe/Berlin, UTC or +01:00. Until it’s set, events with such "
    "times can’t be read; then they’re reprocessed.",
    placeholder="Europe/Berlin",
)
REMEDY = "Set the source’s time zone (“Edit” on its page, or settings.zone in the API). The event is then reprocessed."


def zone_of(config: Mapping[str, Any]) -> tzinfo | None:
    """Return the zone that was chosen for a source's times; None while there is none."""
    return _read(parse.text_in(config, ZONE.name))


def check(config: Mapping[str, Any]) -> None:
    """Raise InvalidSetting for a zone that does not exist, naming the nearest that does."""
    text = parse.text_in(config, ZONE.name)
    if text and _read(text) is None:
        near = get_close_matches(text, available_timezones(), n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise InvalidSetting(
            ZONE.name,
            f"“{parse.cut(text, 60)}” isn’t a time zone.{hint} Write one such as Europe/Berlin, UTC or +01:00.",
        )


def moment(value: object, field: str, config: Mapping[str, Any]) -> datetime | None:
    """Parse a time as `parse.moment` does, one without a zone in the source's; NoZone names the field and the remedy."""
    try:
        return parse.moment(value, zone_of(config))
    except NoZone:
        raise NoZone(f"{field}: “{parse.cut(str(value), 60)}” has no time zone. {REMEDY}") from None


def _read(text: str) -> tzinfo | None:
    if text.upper() in ("UTC", "GMT", "Z"):
        return UTC
    if offset := fullmatch(r"([+-])(\d{2}):?(\d{2})", text):
        ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(ahead if offset[1] == "+" else -ahead) if ahead < timedelta(days=1) else None
    try:
        return ZoneInfo(text) if text else None
    except (KeyError, ValueError, OSError):  # no such zone, or a name that is none
        return None
