"""Charts, drawn here as SVG: no script, no inline style, colours from the style sheet, words for every mark.

Every chart is an image for screen readers; the page that shows it carries the same numbers as a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import ceil, log10

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

WIDTH, HEIGHT = 760, 200
LEFT, RIGHT, TOP, BOTTOM = 40, 28, 30, 34
# Estimated width of one letter of an 11 px label, to keep labels apart.
LETTER = 6.6
THICKEST, THINNEST = 26.0, 3.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One stacked bar on the date axis: its day, name, and one value per series from the bottom up."""

    day: date
    name: str
    values: tuple[int, ...]

    @property
    def total(self) -> int:
        """The height of the whole stack."""
        return sum(self.values)


@dataclass(frozen=True, slots=True)
class Area:
    """One layer of a burn-up: its name, and how high it is at each of the days."""

    name: str
    values: tuple[int, ...]


def nice_steps(largest: float, wanted: int = 4) -> list[int]:
    """Return round numbers from 0 to at least `largest`, in about `wanted` equal steps."""
    if largest <= 0:
        return [0, 1]
    raw = largest / wanted
    size = 10 ** int(log10(raw)) if raw >= 1 else 1
    step = next(int(size * each) for each in (1, 2, 5, 10) if size * each >= raw)
    return list(range(0, ceil(largest / step) * step + 1, step))


def month_starts(first: date, last: date, most: int = 12) -> list[date]:
    """Return the starts of months, quarters or years between two days: at most about `most` of them."""
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    stride = next((each for each in (1, 2, 3, 6, 12, 24, 60, 120) if months / each <= most), 240)
    found = []
    number = first.year * 12 + first.month - 1
    number += -number % stride
    while number <= last.year * 12 + last.month - 1:
        day = date(number // 12, number % 12 + 1, 1)
        if first <= day <= last:
            found.append(day)
        number += stride
    return found


class _Frame:
    """The plane of one chart: days to the right, numbers up."""

    def __init__(self, bars: Sequence[Bar], largest: float) -> None:
        self.first, self.last = min(bar.day for bar in bars), max(bar.day for bar in bars)
        if self.first == self.last:
            self.first, self.last = self.first - timedelta(days=15), self.last + timedelta(days=15)
        self.steps = nice_steps(largest)
        # Room for half a bar at both ends.
        self.inner = LEFT + THICKEST / 2 + 4, WIDTH - RIGHT - THICKEST / 2 - 4

    def x(self, day: date) -> float:
        """Return where a day lies."""
        low, high = self.inner
        return low + (high - low) * (day - self.first).days / (self.last - self.first).days

    def y(self, value: float) -> float:
        """Return how high a number lies."""
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.steps[-1]

    def axes(self, unit: str = "") -> str:
        """Draw both axes with their labels; `unit` follows each number."""
        parts = []
        for step in self.steps:
            kind = "chart__grid" if step else "chart__axis"
            y = self.y(step)
            parts.append(f'<path class="{kind}" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{step}{unit}</text>')
        days = month_starts(self.first, self.last)
        for index, day in enumerate(days or [self.first, self.last]):
            x = self.x(day)
            words = str(day.year) if _yearly(days) else day.strftime("%b %Y" if index == 0 or day.month == 1 else "%b")
            words = words if days else day.isoformat()
            parts.append(f'<path class="chart__axis" d="M{x:.1f} {HEIGHT - BOTTOM}v5"/>')
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{words}</text>')
        return "".join(parts)


def _yearly(days: Sequence[date]) -> bool:
    return len(days) > 1 and (days[1] - days[0]).days > 360


def _thickness(frame: _Frame, bars: Sequence[Bar]) -> float:
    places = sorted({frame.x(bar.day) for bar in bars})
    gaps = [right - left for left, right in pairwise(places)]
    return max(THINNEST, min([THICKEST, *(gap * 0.8 for gap in gaps)]))


def _stack(frame: _Frame, bar: Bar, series: Sequence[str], thick: float) -> str:
    x, base = frame.x(bar.day) - thick / 2, 0
    parts = [f"<g><title>{_said(bar, series)}</title>"]
    for number, value in enumerate(bar.values, start=1):
        if value:
            top, foot = frame.y(base + value), frame.y(base)
            parts.append(
                f'<rect class="chart__series-{number}" x="{x:.1f}" y="{top:.1f}" width="{thick:.1f}"'
                f' height="{max(foot - top, 0.5):.1f}"/>'
            )
            base += value
    return "".join([*parts, "</g>"])


def _said(bar: Bar, series: Sequence[str]) -> str:
    counts = ", ".join(f"{value} {name}" for value, name in zip(bar.values, series, strict=True))
    return conditional_escape(f"{bar.name}, {bar.day.isoformat()}: {counts}; {bar.total} in all")


def _labels(frame: _Frame, bars: Sequence[Bar]) -> str:
    """Name the bars, in two rows where they are close; a name that still does not fit is left to its title."""
    ends = [0.0, 0.0]
    parts = []
    for bar in bars:
        name = bar.name if len(bar.name) <= 14 else f"{bar.name[:13]}…"
        x, half = frame.x(bar.day), len(name) * LETTER / 2 + 2
        top = frame.y(bar.total) - 6
        for row in (0, 1):
            if x - half >= ends[row] and x + half <= WIDTH:
                ends[row] = x + half
                parts.append(
                    f'<text class="chart__name" x="{x:.1f}" y="{max(top - row * 13, 11):.1f}" text-anchor="middle">'
                    f"{conditional_escape(name)}</text>"
                )
                break
    return "".join(parts)


def stacked_bars(bars: Sequence[Bar], series: Sequence[str], title: str, *, cumulative: bool = True) -> SafeString:
    """Draw stacked bars on a date axis, with the running total as a line where both can be read on one axis.

    `bars` are in order of time; there must be at least one.
    """
    largest, in_all = max(bar.total for bar in bars), sum(bar.total for bar in bars)
    running = cumulative and len(bars) > 2 and largest * 4 >= in_all
    frame = _Frame(bars, in_all if running else largest)
    thick = _thickness(frame, bars)
    parts = [frame.axes(), *(_stack(frame, bar, series, thick) for bar in bars)]
    if running:
        parts.append(_running(frame, bars))
    parts.append(_labels(frame, bars))
    return format_html(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        WIDTH,
        HEIGHT,
        title,
        mark_safe("".join(parts)),  # noqa: S308 - numbers, and names escaped above
    )


def _running(frame: _Frame, bars: Sequence[Bar]) -> str:
    total, points = 0, []
    for bar in bars:
        total += bar.total
        points.append(f"{frame.x(bar.day):.1f} {frame.y(total):.1f}")
    x, y = points[-1].split()
    return (
        f'<path class="chart__line" d="M{"L".join(points)}"><title>running total: {total}</title></path>'
        f'<text x="{x}" y="{float(y) - 7:.1f}" text-anchor="end">{total} in all</text>'
    )


def burn_up(days: Sequence[date], areas: Sequence[Area], scope: Sequence[int], title: str) -> SafeString:
    """Draw layers on top of each other over days, and the line of the whole above them.

    `days` are in order and at least one; `areas` from the bottom up, and `scope`, have a value for each of them.
    """
    if len(days) == 1:
        days = [days[0] - timedelta(days=1), days[0]]
        areas = [Area(each.name, each.values * 2) for each in areas]
        scope = [*scope, *scope]
    frame = _Frame([Bar(day, "", (value,)) for day, value in zip(days, scope, strict=True)], max(scope))
    places = [frame.x(day) for day in days]
    parts, foot = [frame.axes()], [0] * len(days)
    for number, area in enumerate(areas, start=1):
        top = [low + value for low, value in zip(foot, area.values, strict=True)]
        parts.append(_area(frame, places, foot, top, number, f"{area.name}: {area.values[-1]} at the end"))
        foot = top
    line = "L".join(f"{x:.1f} {frame.y(value):.1f}" for x, value in zip(places, scope, strict=True))
    parts.append(f'<path class="chart__whole" d="M{line}"><title>in all: {scope[-1]} at the end</title></path>')
    wide = (places[-1] - places[0]) / (len(places) - 1)
    for place, day in enumerate(days):
        said = ", ".join(f"{each.values[place]} {each.name}" for each in reversed(areas) if each.values[place])
        words = conditional_escape(f"{day.isoformat()}: {scope[place]} in all" + (f"; {said}" if said else ""))
        parts.append(
            f'<rect class="chart__hit" x="{places[place] - wide / 2:.1f}" y="{TOP}" width="{wide:.1f}"'
            f' height="{HEIGHT - TOP - BOTTOM}"><title>{words}</title></rect>'
        )
    return format_html(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        WIDTH,
        HEIGHT,
        title,
        mark_safe("".join(parts)),  # noqa: S308 - numbers, and names escaped above
    )


def _area(
    frame: _Frame, places: Sequence[float], foot: Sequence[int], top: Sequence[int], number: int, words: str
) -> str:
    there = [f"{x:.1f} {frame.y(value):.1f}" for x, value in zip(places, top, strict=True)]
    back = [f"{x:.1f} {frame.y(value):.1f}" for x, value in zip(places, foot, strict=True)]
    shape = "L".join([*there, *reversed(back)])
    return f'<path class="chart__layer-{number}" d="M{shape}Z"><title>{conditional_escape(words)}</title></path>'


@dataclass(frozen=True, slots=True)
class Mark:
    """A day that is marked on a chart of chances, with what is written beside it."""

    day: date
    name: str
    kind: str = ""


# So many days of a curve can be pointed at; the others lie too close.
POINTED_AT = 60


def chances(curve: Sequence[tuple[date, float]], marks: Sequence[Mark], title: str) -> SafeString:
    """Draw how likely something is by each day (0 to 1, in order of time), with marked days as upright lines.

    There must be at least one day. A mark outside the days makes the axis longer. `kind` is "target" for what is wished for.
    """
    frame = _Frame([Bar(day, "", ()) for day in [*(day for day, _ in curve), *(mark.day for mark in marks)]], 100)
    frame.steps = [0, 25, 50, 75, 100]
    points = [(frame.x(day), frame.y(share * 100)) for day, share in curve]
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    base = frame.y(0)
    parts = [
        frame.axes(" %"),
        f'<path class="chart__area" d="M{points[0][0]:.1f} {base}L{line}L{points[-1][0]:.1f} {base}Z"/>',
        f'<path class="chart__curve" d="M{line}"/>',
        *_pointed_at(frame, curve),
        *(_mark(frame, mark, row) for row, mark in enumerate(marks)),
    ]
    return format_html(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        WIDTH,
        HEIGHT,
        title,
        mark_safe("".join(parts)),  # noqa: S308 - numbers, and names escaped below
    )


def _pointed_at(frame: _Frame, curve: Sequence[tuple[date, float]]) -> list[str]:
    stride = ceil(len(curve) / POINTED_AT)
    return [
        f'<circle class="chart__point" cx="{frame.x(day):.1f}" cy="{frame.y(share * 100):.1f}" r="5">'
        f"<title>{day.isoformat()}: {share:.0%}</title></circle>"
        for day, share in curve[::stride]
    ]


def _mark(frame: _Frame, mark: Mark, row: int) -> str:
    """Draw an upright line with its name beside it, to the side where there is room; each in a row of its own."""
    x = frame.x(mark.day)
    anchor, side = ("end", -5) if x > WIDTH / 2 else ("start", 5)
    kind = "chart__target" if mark.kind == "target" else "chart__mark"
    name = conditional_escape(mark.name)
    return (
        f'<path class="{kind}" d="M{x:.1f} {2 + row * 13}V{HEIGHT - BOTTOM}"><title>{name}</title></path>'
        f'<text class="chart__name" x="{x + side:.1f}" y="{11 + row * 13}" text-anchor="{anchor}">{name}</text>'
    )
