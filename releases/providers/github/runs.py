"""The runs of a repository's workflows.

They come newest first and grow at their beginning while they are read. They are therefore asked for by the time they were
created, and each page ends the window of the next.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from releases.providers import parse
from releases.providers.base import Missing, PullFailed, Record
from releases.providers.github.paging import PER_PAGE, Params, has_next, listed
from releases.providers.github.reading import moment
from releases.providers.github.repository import LONGEST_RUN, MOST_OPEN, Mark, Repository, Said, morning, written

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def runs(this: Repository, mark: Mark) -> Iterator[list[Record]]:
    """The last days, a day at a time; then what is older, once; then those that were not over the last time."""
    begin = this.again(mark)
    back = mark.setdefault("back", written(begin - SECOND))
    day = begin
    while day <= this.now:
        for records, _ in _window(this, mark, day, written(day + DAY - SECOND), again=True):
            if records:
                yield records
        day += DAY
    if back:
        for records, follows in _window(this, mark, this.since, back):
            mark["back"] = follows
            yield records
        mark["back"] = ""
    yield from _open_runs(this, mark, begin)
    mark["day"] = written(morning(this.now))


def _window(
    this: Repository, mark: Mark, begin: datetime, end: str, *, again: bool = False
) -> Iterator[tuple[list[Record], str]]:
    """Yield the runs created between two moments, newest first, and where the next page's window ends ("" for nowhere).

    The window's end moves with each page, for pages of numbers shift while runs come and go, and end after 1,000. Only
    where one second holds more than a page does the next number follow.
    """
    path, page = f"{this.path}/actions/runs", 1
    while end and end >= written(begin):
        params: Params = {"created": f"{written(begin)}..{end}", "per_page": PER_PAGE, "page": page}
        answer, follows = this.asker.ask(path, params) if again else (this.asker.plain(path, params), None)
        records: list[Record] = []
        if answer is not None:
            found = listed(answer, "workflow_runs")
            follows = None
            if found and has_next(answer):
                last = moment(found[-1].get("created_at"))
                if last is None:
                    raise PullFailed(f"{answer.url} holds a run without created_at.")
                follows = [end, page + 1] if written(last) >= end else [written(last), 1]
            records = [this.record("workflow_run", each) for each in found]
            _note_open(mark, found)
            if again:
                this.asker.keep(path, params, answer, follows)
        end, page = follows or ("", 1)
        yield records, end


def _note_open(mark: Mark, found: Sequence[Said]) -> None:
    """Note which runs are not over, so that they are looked at again wherever they are by then."""
    waiting = dict(mark.get("open") or {})
    for each in found:
        id_ = parse.text_in(each, "id")
        if each.get("status") == "completed" and each.get("conclusion") != "action_required":
            waiting.pop(id_, None)
        elif id_ and (len(waiting) < MOST_OPEN or id_ in waiting):
            waiting[id_] = parse.text_in(each, "created_at")
    mark["open"] = waiting


def _open_runs(this: Repository, mark: Mark, begin: datetime) -> Iterator[list[Record]]:
    records = []
    for id_, created in list(dict(mark.get("open") or {}).items()):
        at = moment(created)
        if at is not None and at >= begin:
            continue
        path = f"{this.path}/actions/runs/{quote(id_)}"
        gone = at is None or at < this.now - LONGEST_RUN
        try:
            answer, _ = (None, None) if gone else this.asker.ask(path)
        except Missing:
            answer, gone = None, True
        if gone:
            mark["open"] = {each: when for each, when in mark["open"].items() if each != id_}
        if answer is not None:
            run = answer.json()
            if isinstance(run, dict):
                records.append(this.record("workflow_run", run))
                _note_open(mark, [run])
            this.asker.keep(path, None, answer, None)
    if records:
        yield records
