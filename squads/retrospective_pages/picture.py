"""The picture of a timeline: what happened, in four lanes on one axis of time. Drawn as SVG; the list below says the same.

A mark leads to its entry in the list; marks that would lie on each other are one, which zooms in on them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.utils.html import escape
from django.utils.safestring import SafeString

from squads.retrospectives.models import TimelineEntry

LANES: dict[str, tuple[str, ...]] = {
    "Deployments": ("deployment", "run"),
    "Alerts": ("alert", "incident"),
    "Stages and flags": ("stage", "flag"),
    "Updates": ("update", "comment", "note"),
}
WIDTH, LEFT, RIGHT, TOP, LANE, BOTTOM = 760, 116, 14, 8, 34, 24
TOGETHER, RADIUS = 12.0, 5.0
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STEPS = (
    *(MINUTE * count for count in (1, 2, 5, 10, 15, 30)),
    *(HOUR * count for count in (1, 2, 3, 6, 12)),
    *(DAY * count for count in (1, 2, 7, 14, 30, 90, 365)),
)
MOST_TICKS = 7
NARROWEST = timedelta(minutes=4)
NAMED = 3


@dataclass(frozen=True, slots=True)
class View:
    """The stretch of time that a picture shows, and the whole that there is."""

    since: datetime
    until: datetime
    first: datetime
    last: datetime

    @property
    def length(self) -> timedelta:
        """How much time is shown."""
        return self.until - self.since

    @property
    def is_whole(self) -> bool:
        """Whether everything is shown."""
        return self.since <= self.first and self.until >= self.last

    def moved(self, share: float, scale: float = 1.0) -> str:
        """Return the address part of a view moved by a share of its length, or `scale` times as long around its middle."""
        middle = self.since + self.length / 2 + self.length * share
        half = max(self.length * scale, NARROWEST) / 2
        return address(middle - half, middle + half)

    @property
    def words(self) -> str:
        """Say from when to when."""
        same = self.since.date() == self.until.date()
        until = f"{self.until:%H:%M}" if same else f"{self.until:%Y-%m-%d %H:%M}"
        return f"{self.since:%Y-%m-%d %H:%M} to {until} UTC"


def address(since: datetime, until: datetime) -> str:
    """Return the query string that asks for a stretch of time."""
    return "?" + urlencode({"since": f"{since:%Y-%m-%dT%H:%M:%S}", "until": f"{until:%Y-%m-%dT%H:%M:%S}"})


def view_of(times: Iterable[datetime], since: datetime | None, until: datetime | None) -> View | None:
    """Return what to show: what is asked for, or everything with a little room around it. None without any time."""
    every = list(times)
    if not every:
        return None
    first, last = min(every), max(every)
    room = max((last - first) * 0.03, timedelta(minutes=2))
    # Far away there is nothing to see.
    far = (last - first) * 2 + DAY
    shown_since = min(max(since or first - room, first - far), last + far)
    shown_until = min(max(until or last + room, first - far), last + far)
    if shown_until - shown_since < NARROWEST:
        shown_until = shown_since + NARROWEST
    return View(shown_since, shown_until, first, last)


def draw(entries: Sequence[TimelineEntry], view: View) -> SafeString:
    """Draw the entries that have a time within the view."""
    height = TOP + LANE * len(LANES) + BOTTOM
    parts = [*_axis(view, height)]
    place_of = {kind: place for place, kinds in enumerate(LANES.values()) for kind in kinds}
    lanes: list[list[TimelineEntry]] = [[] for _ in LANES]
    for each in entries:
        if each.at is not None and each.kind in place_of:
            lanes[place_of[each.kind]].append(each)
    for place, (name, own) in enumerate(zip(LANES, lanes, strict=True)):
        middle = TOP + LANE * place + LANE / 2
        parts.append(f'<text class="when__lane" x="0" y="{middle + 4}">{name}</text>')
        parts.append(_line(LEFT, middle, WIDTH - RIGHT, middle))
        parts += _spans(own, view, middle)
        parts += _marks(own, view, middle)
    words = f"Timeline, {view.words}. The list below says the same."
    # Safe: what people or systems wrote is escaped where it is put in; the rest is ours.
    return SafeString(f'<svg viewBox="0 0 {WIDTH} {height}" role="group" aria-label="{words}">{"".join(parts)}</svg>')


def _x(at: datetime, view: View) -> float:
    share = (at - view.since) / view.length
    return round(LEFT + (WIDTH - RIGHT - LEFT) * share, 1)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="chart__grid" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _axis(view: View, height: int) -> Iterator[str]:
    step = next((each for each in STEPS if view.length / each <= MOST_TICKS), STEPS[-1])
    origin = datetime(1970, 1, 1, tzinfo=UTC)
    tick = origin + step * -(-(view.since - origin) // step)
    shown = None
    while tick <= view.until:
        x = _x(tick, view)
        day = tick.date()
        words = f"{tick:%m-%d}" if step >= DAY else f"{tick:%H:%M}"
        yield _line(x, TOP, x, height - BOTTOM)
        yield f'<text x="{x}" y="{height - 11}" text-anchor="middle">{words}</text>'
        if step < DAY and day != shown:
            yield f'<text class="when__day" x="{x}" y="{height - 1}" text-anchor="middle">{tick:%m-%d}</text>'
        shown = day
        tick += step


def _spans(entries: Sequence[TimelineEntry], view: View, middle: float) -> Iterator[str]:
    """What lasted is a bar behind its mark."""
    for each in entries:
        if each.at is None or each.until is None or each.until < view.since or each.at > view.until:
            continue
        start, end = _x(max(each.at, view.since), view), _x(min(each.until, view.until), view)
        width = round(max(end - start, 1.0), 1)
        yield (
            f'<rect class="when__span" data-kind="{escape(each.kind)}" x="{start}" y="{middle - 3}"'
            f' width="{width}" height="6"/>'
        )


def _marks(entries: Sequence[TimelineEntry], view: View, middle: float) -> Iterator[str]:
    for group in _groups(entries, view):
        first, last = group[0], group[-1]
        assert first.at is not None and last.at is not None
        x = (_x(first.at, view) + _x(last.at, view)) / 2
        pinned = " data-pinned" if any(each.state == TimelineEntry.State.PINNED for each in group) else ""
        if len(group) == 1:
            title = f"{first.at:%H:%M} {first.get_kind_display()}: {first.text}"
            target, radius, inside = f"#entry-{first.pk}", RADIUS, ""
        else:
            some = "; ".join(each.text for each in group[:NAMED])
            more = f"; and {len(group) - NAMED} more" if len(group) > NAMED else ""
            title = f"{len(group)} from {first.at:%H:%M} to {last.at:%H:%M}: {some}{more}"
            room = max((last.at - first.at) * 0.2, MINUTE)
            apart = last.at - first.at >= timedelta(seconds=30)
            target = address(first.at - room, last.at + room) + "#timeline" if apart else f"#entry-{first.pk}"
            radius = 8.5
            inside = f'<text class="when__count" x="{x}" y="{middle + 3.5}" text-anchor="middle">{len(group)}</text>'
        yield (
            f'<a href="{escape(target)}" class="when__mark" data-kind="{escape(first.kind)}"{pinned}>'
            f'<title>{escape(title[:400])}</title><circle cx="{x}" cy="{middle}" r="{radius}"/>{inside}</a>'
        )


def _groups(entries: Sequence[TimelineEntry], view: View) -> Iterator[list[TimelineEntry]]:
    """Yield entries within the view, those too near to each other together."""
    group: list[TimelineEntry] = []
    start = 0.0
    for each in entries:
        if each.at is None or not view.since <= each.at <= view.until:
            continue
        x = _x(each.at, view)
        if group and x - start > TOGETHER:
            yield group
            group = []
        if not group:
            start = x
        group.append(each)
    if group:
        yield group
