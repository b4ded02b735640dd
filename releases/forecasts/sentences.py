"""The forecast of a release in words. The page, the API and the overview say the same."""

from collections.abc import Sequence
from datetime import date

from portal.kernel import days
from releases.forecasts.queries import ABANDONED, DONE, EMPTY, Forecast, Held


def said_date(day: date) -> str:
    """Write a date as people read it: 5 Dec 2026."""
    return f"{day.day} {day:%b %Y}"


def percent(share: float) -> str:
    """Write a share as a whole percentage; one that is neither none nor all is never said to be so."""
    if 0 < share < 0.005:
        return "under 1 %"
    return "over 99 %" if 0.995 <= share < 1 else f"{share * 100:.0f} %"


def headline(forecast: Forecast) -> str:
    """Say the forecast in one sentence; why there is none in as many as it takes."""
    if forecast.state == ABANDONED:
        return "No forecast: this release is abandoned."
    if forecast.state == EMPTY:
        return "No forecast: this release has no stories yet."
    if forecast.state == DONE:
        done = forecast.scope.done
        return f"Rodeo done since {said_date(days.day_of(done))}." if done else "Every story is rodeo done."
    if forecast.refusals:
        return " ".join(["No forecast yet.", *forecast.refusals])
    when = f"by {said_date(forecast.p85)}" if forecast.p85 else _likely(forecast)
    return f"Rodeo done {when} (85 % by the model; {record(forecast.held)})."


def even_chance(forecast: Forecast) -> str:
    """Say the 50 % date; "" where there is no forecast."""
    if forecast.odds is None:
        return ""
    if forecast.p50 is None:
        return f"50 %: later than {said_date(forecast.later_than or forecast.today)}."
    return f"50 %: {said_date(forecast.p50)}."


def target(forecast: Forecast) -> str:
    """Say how likely it is by the planned date; "" without one, or without a forecast."""
    if forecast.target is None or forecast.chance is None:
        return ""
    if forecast.target < forecast.today:
        return f"Planned for {said_date(forecast.target)}, which is over."
    return f"Planned for {said_date(forecast.target)}: {percent(forecast.chance)} by the model."


def record(held: Held) -> str:
    """Say how often forecasts held."""
    if not held.checked:
        return "no past release to check it against yet"
    return f"held in {held.held} of {held.checked} past release{'' if held.checked == 1 else 's'}"


def difference(forecast: Forecast, instead: Forecast, keys: Sequence[str]) -> str:
    """Say what leaving out stories changes: “Without these 3 stories: 5 Dec 2026 instead of 19 Dec 2026.”"""
    which = f"Without {keys[0]}" if len(keys) == 1 else f"Without these {len(keys)} stories"
    if instead.state in (DONE, EMPTY):
        return f"{which}, nothing is left to do."
    if instead.refusals:
        return " ".join([f"{which}, there is still no forecast.", *instead.refusals])
    if forecast.refusals:
        return f"{which}: {_likely(instead)}."
    if _likely(instead) == _likely(forecast):
        return f"{which}: still {_likely(forecast)}."
    return f"{which}: {_likely(instead)} instead of {_likely(forecast)}."


def _likely(forecast: Forecast) -> str:
    later = forecast.later_than
    return said_date(forecast.p85) if forecast.p85 else f"later than {said_date(later or forecast.today)}"
