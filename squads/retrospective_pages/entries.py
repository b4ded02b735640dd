"""The entries of a timeline as HTML. There may be hundreds on a page, so that they are drawn by Jinja2 (docs/adr/0003)."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from django.http import HttpRequest
from django.template.backends.utils import csrf_input
from django.template.loader import get_template
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.text import normalize_newlines

from squads.retrospectives.models import Retrospective, TimelineEntry

KINDS = dict(TimelineEntry.Kind.choices)


class Entry(NamedTuple):
    """One entry as its template takes it. `day` is its day, where it is the first of that day; `address` is for who can
    change it."""

    pk: int
    day: str
    iso: str
    at: str
    until: str
    said_at: str
    kind: str
    kind_name: str
    pinned: bool
    url: str
    outside: bool
    text: str
    note: str
    token: str
    address: str


def entries_html(
    rows: Iterable[TimelineEntry], row: Retrospective, request: HttpRequest, *, writable: bool
) -> SafeString:
    """Draw entries in their order; with `writable`, what can be done with each."""
    template = get_template("squads/retrospective_pages/_entries.jinja", using="jinja2").template.module  # type: ignore[attr-defined]
    token, address = "", ""
    if writable:
        token, address = str(csrf_input(request)), reverse("squads:retrospective_pages:fill", args=[row.slug])
    drawn = [template.entry(*each) for each in _entries(rows, SafeString(token), address)]
    # Safe, for the template escapes.
    return SafeString("\n  ".join(drawn))


def _entries(rows: Iterable[TimelineEntry], token: str, address: str) -> Iterator[Entry]:
    before: date | str | None = ""
    for each in rows:
        at = each.at
        day = at.date() if at else None
        words = "" if day == before else _long(day)
        before = day
        yield Entry(
            each.pk,
            words,
            at.isoformat() if at else "",
            f"{at:%H:%M}" if at else "",
            _until(each),
            each.said_at,
            each.kind,
            KINDS.get(each.kind, each.kind),
            each.state == TimelineEntry.State.PINNED,
            each.url,
            bool(each.url) and not each.url.startswith("/"),
            each.text if each.url else _lines(each.text),
            _lines(each.note),
            token,
            f"{address}{each.pk}/" if address else "",
        )


def _long(day: date | None) -> str:
    return f"{day:%A}, {day.day} {day:%B} {day.year}" if day else "No date"


def _until(each: TimelineEntry) -> str:
    if each.until is None or each.at is None:
        return ""
    same = each.until.date() == each.at.date()
    return f"{each.until:%H:%M}" if same else f"{each.until.day} {each.until:%b %H:%M}"


def _lines(text: str) -> str:
    """Return a text with its line breaks as HTML; of one line, as it is, for the template to escape."""
    if "\n" not in text and "\r" not in text:
        return text
    return SafeString(escape(normalize_newlines(text)).replace("\n", "<br>"))
