"""A project as Taiga exports it: user stories, issues and tasks, with their history."""

from typing import Any

from squads.imports.formats import meanings
from squads.imports.formats.raw import Item, RawComment, RawMove, inside, not_kept, objects, people_in, text_of

PARTS = {"user_stories": "user story", "issues": "issue", "tasks": "task"}
# Where each part's statuses are described, with what Taiga takes for closed.
STATUSES = {"user_stories": "us_statuses", "issues": "issue_statuses", "tasks": "task_statuses"}
NOT_KEPT = {"tags": "tags", "due_date": "due dates", "attachments": "attachments"}
DONE = "dev_done"
TYPES = {"user_stories": "user story", "tasks": "task"}


def recognises(data: Any) -> bool:
    """Say whether JSON is of Taiga."""
    return isinstance(data, dict) and isinstance(data.get("user_stories"), list)


def items(data: Any) -> tuple[list[Item], list[str]]:
    """Return user stories, issues and tasks; epics and wiki pages are left out."""
    project = text_of(inside(data, "slug"))
    found = []
    for part, statuses in STATUSES.items():
        closed = {text_of(each.get("name")): _closed(each) for each in objects(inside(data, statuses))}
        found += [
            _item(project, part, number, each, closed) for number, each in enumerate(objects(inside(data, part)), 1)
        ]
    notes = []
    if epics := len(objects(inside(data, "epics"))):
        notes.append(f"{epics} epic{'' if epics == 1 else 's'} skipped, because Rodeo has none.")
    records = [each for part in PARTS for each in objects(inside(data, part))]
    return found, notes + not_kept(records, NOT_KEPT)


def _closed(record: dict[str, Any]) -> str:
    """Return what Taiga takes for done; "" where it does not say."""
    said = record.get("is_closed")
    return (DONE if said else meanings.NOT_DONE) if isinstance(said, bool) else ""


def _item(project: str, part: str, number: int, record: dict[str, Any], closed: dict[str, str]) -> Item:
    ref = text_of(record.get("ref"))
    history = objects(record.get("history"))
    return Item(
        f"{PARTS[part]} {number}{f' (#{ref})' if ref else ''}",
        {
            # A reference is unique in its project only.
            "key": f"{project}#{ref}" if ref else "",
            "title": text_of(record.get("subject")),
            "type": TYPES.get(part) or text_of(record.get("type")),
            "status": text_of(record.get("status")),
            "description": text_of(record.get("description")),
            "created": text_of(record.get("created_date")),
        },
        {"key": "ref", "title": "subject", "release": "milestone", "created": "created_date"},
        comments=[
            RawComment(text_of(each.get("created_at")), _person(each.get("user")), text_of(each.get("comment")))
            for each in history
            if text_of(each.get("comment")).strip() and not each.get("delete_comment_date")
        ],
        moves=sorted((move for each in history if (move := _move(each))), key=lambda move: move.at),
        ended=text_of(record.get("finish_date")) or text_of(record.get("finished_date")),
        category=closed.get(text_of(record.get("status")), _closed(record)),
        milestone=text_of(record.get("milestone")),
        assignees=people_in(text_of(record["assigned_to"])) if "assigned_to" in record else None,
    )


def _move(history: dict[str, Any]) -> RawMove | None:
    """Return a change of status. A diff holds statuses by number, with their names beside it."""
    diff = inside(history, "diff", "status")
    if not isinstance(diff, list) or len(diff) != 2:
        return None
    names = inside(history, "values", "status")
    before, after = (text_of(inside(names, text_of(each))) or text_of(each) for each in diff)
    return RawMove(text_of(history.get("created_at")), _person(history.get("user")), before, after)


def _person(value: Any) -> str:
    """Taiga writes [address, name]."""
    if isinstance(value, list):
        return next((text_of(each) for each in reversed(value) if text_of(each)), "")
    return text_of(inside(value, "name")) or text_of(value)
