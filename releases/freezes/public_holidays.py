"""Public holidays of countries and their subdivisions, from the package `holidays`. No Django."""

from datetime import date
from difflib import get_close_matches
from functools import cache, lru_cache


@cache
def countries() -> dict[str, tuple[str, ...]]:
    """Return the codes of all countries that have known public holidays, each with the codes of its subdivisions."""
    # It takes a moment to import, and few companies need it.
    from holidays import list_supported_countries

    return {code: tuple(parts) for code, parts in list_supported_countries(include_aliases=False).items()}


def why_unknown(code: str) -> str:
    """Say what is wrong with a code such as NL or DE-BY; "" if there are public holidays of it."""
    country, _, part = code.partition("-")
    known = countries()
    if country not in known:
        return f"There’s no country “{country[:20]}”. Write a code such as NL, or DE-BY for a part of a country."
    if not part or part in known[country]:
        return ""
    near = get_close_matches(part, known[country], n=1)
    hint = f"Did you mean {country}-{near[0]}?" if near else f"Write {country} alone, or one of its parts."
    return f"{country} has no part “{part[:20]}”. {hint}"


@lru_cache(maxsize=256)
def holidays_of(code: str, year: int) -> tuple[tuple[date, str], ...]:
    """Return the public holidays of NL or DE-BY in a year, each with its name in English, in order."""
    from holidays import country_holidays

    country, _, part = code.partition("-")
    found = country_holidays(country, subdiv=part or None, years=year, observed=True, language="en_US")
    return tuple(sorted((day, name) for day, name in found.items() if day.year == year))
