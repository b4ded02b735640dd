"""Percentiles, defined once."""

from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the linear-interpolated percentile (0 ≤ share ≤ 1) as SQL's percentile_cont does; None for no values."""
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values: Sequence[float]) -> float | None:
    """Return the linear-interpolated median; None for no values."""
    return percentile(values, 0.5)
