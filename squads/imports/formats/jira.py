"""Issues as Jira's REST interface gives them: one, a list, or a page of a search, with changelog where it was asked for."""

from typing import Any

from squads.imports.formats.raw import Item, Moved, Said, inside, objects, text_of

BLOCKS = {"paragraph", "heading", "listItem", "codeBlock", "blockquote", "tableRow", "rule", "panel"}


def recognises(data: Any) -> bool:
    """Say whether this is Jira's."""
    return any("fields" in each and "key" in each for each in _issues(data)[:5])


def _issues(data: Any) -> list[dict[str, Any]]:
    if isinstance(data, dict):
        return objects(data.get("issues")) if "issues" in data else [data]
    return objects(data)


def items(data: Any) -> tuple[list[Item], list[str]]:
    """Return the issues, and what is to be said about them."""
    found = [_item(number, issue) for number, issue in enumerate(_issues(data), 1)]
    total = inside(data, "total")
    notes = []
    if isinstance(total, int) and total > len(found):
        notes.append(f"Jira has {total} issues for this search and the file {len(found)}: export the other pages too.")
    return found, notes


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
            "description": written(inside(fields, "description")),
            "created": text_of(inside(fields, "created")),
        },
        {"title": "summary", "type": "issuetype", "release": "fixVersions"},
    )
    if isinstance(inside(fields, "fixVersions"), list):
        item.cells["release"] = releases[-1] if releases else ""
    item.comments = [
        Said(text_of(each.get("created")), _person(each.get("author")), written(each.get("body")))
        for each in objects(inside(fields, "comment", "comments"))
    ]
    item.moves = sorted(_moves(issue), key=lambda move: move.at)
    item.moved_at = text_of(inside(fields, "statuscategorychangedate")) or text_of(inside(fields, "resolutiondate"))
    return item


def _moves(issue: dict[str, Any]) -> list[Moved]:
    return [
        Moved(
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


def written(value: Any) -> str:
    """Return text, or the words of a document in Atlassian's format. A stack, not recursion: its depth is the sender's."""
    if not isinstance(value, dict):
        return text_of(value)
    said: list[str] = []
    waiting: list[Any] = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            said.append(node)
        elif isinstance(node, dict):
            kind = node.get("type")
            if kind == "text":
                said.append(text_of(node.get("text")))
            elif kind == "hardBreak":
                said.append("\n")
            elif kind in ("mention", "emoji"):
                said.append(text_of(inside(node, "attrs", "text")))
            if kind in BLOCKS:
                waiting.append("\n")
            if kind == "listItem":
                said.append("- ")
            if isinstance(content := node.get("content"), list):
                waiting.extend(reversed([each for each in content if isinstance(each, dict)]))
    return "".join(said).replace("\n\n\n", "\n\n").strip()
