"""Issues as Jira's REST API returns them: one, a list, or a page of a search, with a changelog if it was expanded."""

from typing import Any

from squads.imports.formats.meanings import GIVEN_UP, progress_of
from squads.imports.formats.raw import Item, RawComment, RawMove, inside, not_kept, objects, text_of

# The same in every language of Jira, in which names of statuses and categories are not.
CATEGORIES = {"new": "todo", "indeterminate": "in_progress", "done": "dev_done"}
NOT_KEPT = {
    "priority": "priorities",
    "labels": "labels",
    "components": "components",
    "parent": "parents",
    "duedate": "due dates",
    "attachment": "attachments",
    "issuelinks": "links",
}
BLOCKS = {"paragraph", "heading", "listItem", "codeBlock", "blockquote", "tableRow", "rule", "panel"}


def recognises(data: Any) -> bool:
    """Say whether JSON is of Jira."""
    return any("fields" in each and "key" in each for each in _issues(data)[:5])


def _issues(data: Any) -> list[dict[str, Any]]:
    if isinstance(data, dict):
        return objects(data.get("issues")) if "issues" in data else [data]
    return objects(data)


def items(data: Any) -> tuple[list[Item], list[str]]:
    """Return the issues, and notes for people about them."""
    found = [_item(number, issue) for number, issue in enumerate(_issues(data), 1)]
    total = inside(data, "total")
    notes = []
    if isinstance(total, int) and total > len(found):
        notes.append(f"Jira found {total} issues, but the file has {len(found)}. Export the other pages too.")
    notes += [
        f"{several} issue{'' if several == 1 else 's'} with several fix versions. The last one counts."
        for several in [sum(len(objects(inside(each, "fields", "fixVersions"))) > 1 for each in _issues(data))]
        if several
    ]
    return found, notes + not_kept((each.get("fields") for each in _issues(data)), NOT_KEPT)


def _item(number: int, issue: dict[str, Any]) -> Item:
    fields = issue.get("fields")
    releases = [text_of(each.get("name")) for each in objects(inside(fields, "fixVersions"))]
    key = text_of(issue.get("key"))
    item = Item(
        f"issue {number}{f' ({key})' if key else ''}",
        {
            "key": key,
            "title": text_of(inside(fields, "summary")),
            "type": text_of(inside(fields, "issuetype", "name")),
            "status": text_of(inside(fields, "status", "name")),
            "description": plain_text(inside(fields, "description")),
            "created": text_of(inside(fields, "created")),
        },
        {"title": "summary", "type": "issuetype", "release": "fixVersions"},
    )
    if isinstance(inside(fields, "fixVersions"), list):
        item.cells["release"] = releases[-1] if releases else ""
    item.comments = [
        RawComment(text_of(each.get("created")), _person(each.get("author")), plain_text(each.get("body")))
        for each in objects(inside(fields, "comment", "comments"))
    ]
    if isinstance(fields, dict) and "assignee" in fields:
        item.assignees = [who] if (who := _address(fields["assignee"])) else []
    item.moves = sorted(_moves(issue), key=lambda move: move.at)
    item.moved = text_of(inside(fields, "statuscategorychangedate"))
    item.ended = text_of(inside(fields, "resolutiondate"))
    item.category = CATEGORIES.get(text_of(inside(fields, "status", "statusCategory", "key")).lower(), "")
    item.cells["status"] = with_resolution(item.cells["status"], text_of(inside(fields, "resolution", "name")))
    return item


def with_resolution(status: str, resolution: str) -> str:
    """Return a status with its resolution where that says that nobody will do it: "Done: Won't Do"."""
    return f"{status}: {resolution}" if progress_of(resolution) in GIVEN_UP else status


def _moves(issue: dict[str, Any]) -> list[RawMove]:
    return [
        RawMove(
            text_of(history.get("created")),
            _person(history.get("author")),
            text_of(each.get("fromString")),
            text_of(each.get("toString")),
        )
        for history in objects(inside(issue, "changelog", "histories"))
        for each in objects(history.get("items"))
        if each.get("field") == "status"
    ]


def _person(value: Any) -> str:
    return text_of(inside(value, "displayName")) or text_of(inside(value, "name"))


def _address(value: Any) -> str:
    """Return a person's e-mail address, or, where Jira keeps it to itself, what the person is called."""
    return text_of(inside(value, "emailAddress")) or _person(value)


def plain_text(value: Any) -> str:
    """Return text, or the text of a document in Atlassian's format. A stack, no recursion, since a file may nest deeply."""
    if not isinstance(value, dict):
        return text_of(value)
    parts: list[str] = []
    waiting: list[Any] = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            parts.append(node)
        elif isinstance(node, dict):
            kind = node.get("type")
            if kind == "text":
                parts.append(text_of(node.get("text")))
            elif kind == "hardBreak":
                parts.append("\n")
            elif kind in ("mention", "emoji"):
                parts.append(text_of(inside(node, "attrs", "text")))
            if kind in BLOCKS:
                waiting.append("\n")
            if kind == "listItem":
                parts.append("- ")
            if isinstance(content := node.get("content"), list):
                waiting.extend(reversed([each for each in content if isinstance(each, dict)]))
    return "".join(parts).replace("\n\n\n", "\n\n").strip()
