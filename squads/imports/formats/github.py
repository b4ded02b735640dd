"""Issues as `gh issue list --json` and the REST API return them."""

from typing import Any
from urllib.parse import urlsplit

from squads.imports.formats import meanings
from squads.imports.formats.raw import Item, RawComment, RawMove, inside, labels_not_kept, objects, text_of

MOVES = {"closed": ("open", "closed"), "reopened": ("closed", "open")}


def recognises(data: Any) -> bool:
    """Say whether JSON is of GitHub."""
    return any("number" in each and "title" in each for each in _issues(data)[:5])


def _issues(data: Any) -> list[dict[str, Any]]:
    if isinstance(data, dict):
        return objects(data.get("items")) if "items" in data else [data]
    # `gh api --paginate --slurp` gives a list of pages.
    if isinstance(data, list) and data and all(isinstance(each, list) for each in data):
        return [issue for page in data for issue in objects(page)]
    return objects(data)


def items(data: Any) -> tuple[list[Item], list[str]]:
    """Return the issues; pull requests, which the REST API mixes in, are left out."""
    found, pulls = [], 0
    for number, issue in enumerate(_issues(data), 1):
        if issue.get("pull_request"):
            pulls += 1
        else:
            found.append(_item(number, issue))
    notes = ["No issue has a url, so issues of two repositories with the same number are treated as one."]
    if any(item.cells["key"].partition("#")[0] for item in found):
        notes.clear()
    notes += [f"{pulls} pull request{'' if pulls == 1 else 's'} skipped, because they’re changes."] if pulls else []
    notes += labels_not_kept(found)
    return found, notes


def _either(issue: dict[str, Any], *names: str) -> Any:
    return next((issue[name] for name in names if issue.get(name) is not None), None)


def _repository(issue: dict[str, Any]) -> str:
    """Return owner/name, from the issue's address on the web."""
    try:
        path = urlsplit(text_of(_either(issue, "html_url", "url"))).path
    except ValueError:
        return ""
    parts = path.removeprefix("/repos").strip("/").split("/")
    return "/".join(parts[:2]) if len(parts) == 4 and parts[2] == "issues" else ""


def _item(number: int, issue: dict[str, Any]) -> Item:
    labels = [text_of(each.get("name")) for each in objects(issue.get("labels"))]
    own, people = text_of(issue.get("number")), issue.get("assignees")
    people = objects(people) if isinstance(people, list) else None
    state = text_of(issue.get("state")).lower()
    reason = meanings.normalised(text_of(_either(issue, "state_reason", "stateReason")))
    if state == "closed" and reason in ("not_planned", "duplicate"):
        state = f"closed: {reason.replace('_', ' ')}"
    closed = text_of(_either(issue, "closed_at", "closedAt"))
    item = Item(
        f"issue {number}{f' (#{own})' if own else ''}",
        {
            "key": f"{_repository(issue)}#{own}" if own else "",
            "title": text_of(issue.get("title")),
            "type": text_of(inside(issue, "type", "name"))
            or next((label for label in labels if label and meanings.type_of(label)), ""),
            "status": state,
            "description": text_of(issue.get("body")),
            "created": text_of(_either(issue, "created_at", "createdAt")),
        },
        {"key": "number", "type": "labels", "status": "state", "description": "body", "release": "milestone"},
        ended=closed,
        milestone=text_of(inside(issue, "milestone", "title")),
        labels=labels,
        assignees=[text_of(each.get("login")) for each in people] if isinstance(people, list) else None,
    )
    item.comments = [
        RawComment(
            text_of(_either(each, "createdAt", "created_at")),
            text_of(inside(_either(each, "author", "user"), "login")),
            text_of(each.get("body")),
        )
        for each in objects(issue.get("comments"))
    ]
    item.moves = _moves(issue) or ([RawMove(closed, "", "open", "closed")] if closed and state == "closed" else [])
    return item


def _moves(issue: dict[str, Any]) -> list[RawMove]:
    moves = [
        RawMove(text_of(each.get("created_at")), text_of(inside(each, "actor", "login")), *MOVES[str(each["event"])])
        for each in objects(_either(issue, "events", "timeline"))
        if each.get("event") in ("closed", "reopened")
    ]
    return sorted(moves, key=lambda move: move.at)
