"""The picture of a forecast: how likely the release is rodeo done by each day."""

from collections.abc import Iterator
from datetime import date, timedelta

from django.utils.safestring import SafeString

from portal.kernel import charts
from portal.kernel.charts import Mark
from releases.forecasts.bootstrap import DAYS, MOST_WEEKS
from releases.forecasts.queries import Forecast
from releases.forecasts.sentences import said_date

# The curve ends where nearly all trials are done.
NEARLY_ALL = 0.99
MOST_POINTS = 120


def curve(forecast: Forecast) -> list[tuple[date, float]]:
    """Return days with the share (0 to 1) of the trials that were done by then; at most MOST_POINTS, none without a forecast."""
    if forecast.odds is None:
        return []
    last = forecast.odds.day(NEARLY_ALL)
    ahead = MOST_WEEKS * DAYS if last is None else max(last, DAYS)
    stride = -(-ahead // (MOST_POINTS - 2))
    days = sorted({*range(0, ahead, stride), ahead})
    return [(forecast.today + timedelta(days=day), round(forecast.odds.chance(day), 4)) for day in days]


def picture(forecast: Forecast, title: str) -> SafeString | None:
    """Draw the curve with the 50 % and 85 % dates and the target; None without a forecast."""
    points = curve(forecast)
    if not points:
        return None
    return charts.chances(points, list(_marks(forecast, points[-1][0])), title)


def _marks(forecast: Forecast, last: date) -> Iterator[Mark]:
    if forecast.target is not None and forecast.today <= forecast.target:
        farthest = last + (last - forecast.today)
        if forecast.target <= farthest:
            yield Mark(forecast.target, f"planned for {said_date(forecast.target)}", "target")
    if forecast.p50 is not None:
        yield Mark(forecast.p50, f"50 %: {said_date(forecast.p50)}")
    if forecast.p85 is not None:
        yield Mark(forecast.p85, f"85 %: {said_date(forecast.p85)}")
