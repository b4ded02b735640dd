"""A board as Trello exports it: lists are statuses, cards are items, actions are comments and history."""

from datetime import UTC, datetime
from typing import Any

from squads.imports.formats import meanings
from squads.imports.formats.raw import Item, RawComment, RawMove, inside, labels_not_kept, not_kept, objects, text_of

KEPT_ACTIONS = 1000
NOT_KEPT = {"due": "due dates", "attachments": "attachments"}


def recognises(data: Any) -> bool:
    """Say whether JSON is of Trello."""
    return isinstance(data, dict) and isinstance(data.get("cards"), list) and isinstance(data.get("lists"), list)


def items(data: Any) -> tuple[list[Item], list[str]]:
    """Return the cards that are not archived, and notes for people about the others."""
    people = {text_of(each.get("id")): text_of(each.get("username")) for each in objects(inside(data, "members"))}
    lists = {text_of(each.get("id")): text_of(each.get("name")) for each in objects(inside(data, "lists"))}
    closed = {text_of(each.get("id")) for each in objects(inside(data, "lists")) if each.get("closed") is True}
    found: dict[str, Item] = {}
    archived = 0
    for number, card in enumerate(objects(inside(data, "cards")), 1):
        if card.get("closed") is True or text_of(card.get("idList")) in closed:
            archived += 1
            continue
        found[text_of(card.get("id")) or f"card {number}"] = _item(number, card, lists, people)
    _checklists(data, found)
    actions = objects(inside(data, "actions"))
    for action in actions:
        item = found.get(text_of(inside(action, "data", "card", "id")))
        if item is not None:
            _action(item, action)
    for item in found.values():
        item.comments.sort(key=lambda comment: comment.at)
        item.moves.sort(key=lambda move: move.at)
    notes = [f"{archived} archived card{'' if archived == 1 else 's'} skipped."] if archived else []
    if len(actions) >= KEPT_ACTIONS:
        notes.append(
            f"Trello only exports the newest {KEPT_ACTIONS:,} actions, so older comments and moves are missing."
        )
    kept = [card for card in objects(inside(data, "cards")) if text_of(card.get("id")) in found]
    return list(found.values()), notes + labels_not_kept(found.values()) + not_kept(kept, NOT_KEPT)


def _item(number: int, card: dict[str, Any], lists: dict[str, str], people: dict[str, str]) -> Item:
    labels = [text_of(each.get("name")) for each in objects(card.get("labels"))]
    name = text_of(card.get("name"))
    return Item(
        f"card {number}{f' (“{name[:40]}”)' if name else ''}",
        {
            "key": text_of(card.get("shortLink")) or text_of(card.get("id")),
            "title": name,
            "type": next((label for label in labels if meanings.type_of(label) and label), ""),
            "status": lists.get(text_of(card.get("idList")), ""),
            "description": text_of(card.get("desc")),
            "created": _created_at(text_of(card.get("id"))),
        },
        {"title": "name", "type": "labels", "status": "list", "description": "desc"},
        labels=labels,
        assignees=_members(card, people),
    )


def _members(card: dict[str, Any], people: dict[str, str]) -> list[str] | None:
    """Return who is on a card by user name, or, of somebody the board does not list, by id."""
    members = card.get("idMembers")
    return [people.get(text_of(each)) or text_of(each) for each in members] if isinstance(members, list) else None


def _created_at(card_id: str) -> str:
    """Return when a card was created: the first eight characters of its id are that second, in hexadecimal."""
    try:
        return datetime.fromtimestamp(int(card_id[:8], 16), UTC).isoformat() if len(card_id) == 24 else ""
    except (ValueError, OverflowError, OSError):
        return ""


def _checklists(data: Any, found: dict[str, Item]) -> None:
    for each in objects(inside(data, "checklists")):
        item = found.get(text_of(each.get("idCard")))
        lines = [text_of(line.get("name")) for line in objects(each.get("checkItems"))]
        lines = [line for line in lines if line.strip()]
        if item is None or not lines:
            continue
        name = text_of(each.get("name"))
        if "accept" in name.lower() or "criteria" in name.lower():
            item.cells["acceptance_criteria"] = "\n".join(
                [*filter(None, [item.cells.get("acceptance_criteria")]), *lines]
            )
        else:
            checklist = "\n".join([f"{name}:", *(f"- {line}" for line in lines)])
            item.cells["description"] = f"{item.cells['description']}\n\n{checklist}".strip()


def _action(item: Item, action: dict[str, Any]) -> None:
    at, by = text_of(action.get("date")), text_of(inside(action, "memberCreator", "fullName"))
    kind, data = action.get("type"), action.get("data")
    if kind == "commentCard":
        item.comments.append(RawComment(at, by, text_of(inside(data, "text"))))
    elif kind == "updateCard" and inside(data, "listAfter") is not None:
        before, after = text_of(inside(data, "listBefore", "name")), text_of(inside(data, "listAfter", "name"))
        item.moves.append(RawMove(at, by, before, after))
