"""Reads the workflow runs of a repository.

GitHub lists them newest first, so numbered pages shift while they are read. They are therefore asked for by creation time:
the oldest run of a page is the end of the next page's time window.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from releases.providers import parse
from releases.providers.base import Missing, PullFailed, Record
from releases.providers.github.conditional_requests import PER_PAGE, Params, has_next_page, objects_in
from releases.providers.github.fields import moment
from releases.providers.github.repository_reader import (
    LONGEST_RUN,
    MOST_OPEN,
    Mark,
    RepositoryReader,
    iso8601,
    start_of_day,
)
from releases.providers.payloads import JsonObject

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def runs(reader: RepositoryReader, mark: Mark) -> Iterator[list[Record]]:
    """Yield the runs of the last days, day by day; older ones, once; then those that were unfinished the last time."""
    begin = reader.reread_since(mark)
    history_end = mark.setdefault("back", iso8601(begin - SECOND))
    day = begin
    while day <= reader.now:
        for records, _ in _window(reader, mark, day, iso8601(day + DAY - SECOND), conditional=True):
            if records:
                yield records
        day += DAY
    if history_end:
        for records, next_window in _window(reader, mark, reader.since, history_end):
            mark["back"] = next_window
            yield records
        mark["back"] = ""
    yield from _open_runs(reader, mark, begin)
    mark["day"] = iso8601(start_of_day(reader.now))


def _window(
    reader: RepositoryReader, mark: Mark, begin: datetime, end: str, *, conditional: bool = False
) -> Iterator[tuple[list[Record], str]]:
    """Yield pages of the runs created between two moments, newest first, and the end of the next page's window ("": none).

    The window's end moves with each page: numbered pages shift while runs come and go, and GitHub ends them after 1,000
    runs. Only where one second holds more runs than a page is the next page number asked for.
    """
    path, page = f"{reader.path}/actions/runs", 1
    while end and end >= iso8601(begin):
        params: Params = {"created": f"{iso8601(begin)}..{end}", "per_page": PER_PAGE, "page": page}
        answer, next_window = (
            reader.client.get_if_changed(path, params) if conditional else (reader.client.get(path, params), None)
        )
        records: list[Record] = []
        if answer is not None:
            found = objects_in(answer, "workflow_runs")
            next_window = None
            if found and has_next_page(answer):
                last = moment(found[-1].get("created_at"))
                if last is None:
                    raise PullFailed(f"{answer.url} returned a run without created_at.")
                next_window = [end, page + 1] if iso8601(last) >= end else [iso8601(last), 1]
            records = [reader.record("workflow_run", each) for each in found]
            _note_open(mark, found)
            if conditional:
                reader.client.remember(path, params, answer, next_window)
        end, page = next_window or ("", 1)
        yield records, end


def _note_open(mark: Mark, found: Sequence[JsonObject]) -> None:
    """Note the unfinished runs in the mark, so that later pulls read them again by id."""
    unfinished = dict(mark.get("open") or {})
    for each in found:
        id_ = parse.text_in(each, "id")
        if each.get("status") == "completed" and each.get("conclusion") != "action_required":
            unfinished.pop(id_, None)
        elif id_ and (len(unfinished) < MOST_OPEN or id_ in unfinished):
            unfinished[id_] = parse.text_in(each, "created_at")
    mark["open"] = unfinished


def _open_runs(reader: RepositoryReader, mark: Mark, begin: datetime) -> Iterator[list[Record]]:
    records = []
    for id_, created in list(dict(mark.get("open") or {}).items()):
        at = moment(created)
        if at is not None and at >= begin:
            continue
        path = f"{reader.path}/actions/runs/{quote(id_)}"
        is_gone = at is None or at < reader.now - LONGEST_RUN
        try:
            answer, _ = (None, None) if is_gone else reader.client.get_if_changed(path)
        except Missing:
            answer, is_gone = None, True
        if is_gone:
            mark["open"] = {each: when for each, when in mark["open"].items() if each != id_}
        if answer is not None:
            run = answer.json()
            if isinstance(run, dict):
                records.append(reader.record("workflow_run", run))
                _note_open(mark, [run])
            reader.client.remember(path, None, answer, None)
    if records:
        yield records
