"""Where a story stands among its squad's, whether something blocks it, and how far people say it is.

The pages and the API call these same verbs.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models.sql import Query

from portal.kernel import clock, live
from portal.kernel.actors import Actor, Anyone
from portal.kernel.bulk_update import write
from portal.kernel.transitions import AlreadyMoved
from squads.stories.actions import RANK_GAP
from squads.stories.models import MOST_SAID as MOST_SAID
from squads.stories.models import Story, StoryEdit, check_reason
from squads.teams.models import Squad, writable_condition

# New places before the first and after the last; beyond these the squad's stories are numbered anew.
LAST = 1 << 62
HEADROOM = 1024
# The place of a story of a squad, not this one, and the next one behind or before it.
AFTER = (
    "SELECT rank FROM squads_story WHERE squad_id = %s AND id <> %s AND rank >= "
    "(SELECT rank FROM squads_story WHERE squad_id = %s AND id <> %s AND key = %s) ORDER BY rank LIMIT 2"
)
BEFORE = AFTER.replace(">=", "<=").replace("ORDER BY rank", "ORDER BY rank DESC")
WHERE = ("up", "down", "top", "bottom")


def held(key: str, by: Anyone) -> tuple[Story | None, bool]:
    """Hold a story and the places of its squad's stories until the transaction ends; say whether the person may write it.

    The squad first, and only then the story is read: what somebody else moved meanwhile is seen.
    """
    own, values = writable_condition(by)
    ask = (
        f"SELECT id, name, slug, {own} FROM squads_squad WHERE id = (SELECT squad_id FROM squads_story WHERE key = %s)"  # noqa: S608 - ours
    )
    squads = _ask(ask + _held(), *values, key)
    if not squads and (meant := Story.objects.called(key)):
        key = meant.key
        squads = _ask(ask + _held(), *values, key)
    if not squads:
        return None, False
    columns = ", ".join(_columns())
    seen = "EXISTS (SELECT 1 FROM squads_evidence WHERE story_id = squads_story.id)"
    read = f"SELECT {columns}, {seen} FROM squads_story WHERE key = %s"  # noqa: S608 - ours
    rows = _ask(read + _held(), key)
    if not rows:
        return None, bool(squads[0][3])
    story = _story(rows[0])
    story.squad = Squad.from_db(None, ["id", "name", "slug"], squads[0][:3])
    return story, bool(squads[0][3])


@cache
def _columns() -> tuple[str, ...]:
    return tuple(field.attname for field in Story._meta.concrete_fields)


@cache
def _converters(vendor: str) -> dict[int, tuple[list[Callable[..., Any]], Any]]:
    """Return what makes values of this kind of database those of a story, by the place of its column."""
    columns = [field.get_col(Story._meta.db_table) for field in Story._meta.concrete_fields]
    found: dict[int, tuple[list[Callable[..., Any]], Any]] = (
        Query(Story).get_compiler(connection=connection).get_converters(columns)
    )
    return found


def _story(row: Sequence[Any]) -> Story:
    """Return the story of a row, as the ORM would: its columns, and whether there is evidence of it."""
    *values, has_evidence = row
    for place, (converters, column) in _converters(connection.vendor).items():
        for convert in converters:
            values[place] = convert(values[place], column, connection)
    story = Story.from_db(connection.alias, _columns(), values)
    story.has_evidence = bool(has_evidence)  # type: ignore[attr-defined]
    return story


def _held() -> str:
    """SQLite's transactions are IMMEDIATE and exclude each other already."""
    return " FOR NO KEY UPDATE" if connection.vendor == "postgresql" else ""


def _ask(statement: str, *values: Any) -> list[Any]:
    """Ask without the ORM, which would take longer to write such a statement than the database to answer it."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: list[Any] = cursor.fetchall()
    return found


@transaction.atomic
def place(story: Story, *, by: Actor, **said: Any) -> Story:
    """Do what `place_held` does to a story that may have changed since it was read."""
    Squad.objects.select_for_update(no_key=True).filter(pk=story.squad_id).values_list("pk").get()
    story.hold()
    return place_held(story, by=by, **said)


def place_held(
    story: Story,
    *,
    by: Actor,
    to: str | None = None,
    after: str | None = None,
    before: str | None = None,
    where: str | None = None,
    because: str = "",
) -> Story:
    """Put a story behind or before another of its squad, or up, down, to the top or bottom of its column, and, with
    `to`, move it to do, in progress or dev done in the same transaction.

    The caller holds the squad's row and then the story's (`held`), so no two stories ever get one place. Raises
    AlreadyMoved when somebody was first with `to`, Held where evidence says otherwise, ValidationError naming the field.
    """
    _checked(to, after, before, where)
    # Saying late that development is done leaves a story in the column where evidence holds it.
    column = to if to and story.stage in Story.Progress.values else story.stage
    rank = _rank(story, column, after, before, where)
    if to:
        story.move_progress_held(to, by=by, because=because, rank=rank)
        return story
    if rank != story.rank:
        Story.objects.filter(pk=story.pk).update(rank=rank)
        story.rank = rank
    live.touch([story.pk])
    return story


def _checked(to: str | None, after: str | None, before: str | None, where: str | None) -> None:
    if where and where not in WHERE:
        raise ValidationError({"where": f"Choose one of {', '.join(WHERE)}."})
    if sum(1 for each in (after, before, where) if each) > 1:
        raise ValidationError({"after": "Give only one of after, before and where."})
    if not (to or after or before or where):
        raise ValidationError({"to": "Give one of to, after, before or where."})


def _rank(story: Story, stage: str, after: str | None, before: str | None, where: str | None) -> int:
    """Find a free place; where two neighbours have none between them, make room among all of the squad's."""
    if not (after or before or where):
        return story.rank
    for _ in range(2):
        low, high = _between(story, stage, after, before, where)
        if low is None and high is None:
            return story.rank
        if low is None:
            assert high is not None
            low = max(high - 2 * RANK_GAP, 0)
        if high is None:
            high = low + 2 * RANK_GAP
        if high - low >= 2 and high <= LAST:
            return low + (high - low) // 2
        _renumber(story.squad_id)
        story.refresh_from_db(fields=["rank"])
    raise AssertionError("there is room after numbering anew")


def _between(
    story: Story, stage: str, after: str | None, before: str | None, where: str | None
) -> tuple[int | None, int | None]:
    """Return the places between which the story goes; None for no neighbour there. (None, None) leaves it alone."""
    named = (after or before or "").upper()
    up = bool(before) or where in ("up", "top")
    if named:
        rows = _ask(BEFORE if up else AFTER, story.squad_id, story.pk, story.squad_id, story.pk, named)
        found = [rank for (rank,) in rows]
    else:
        anchor = _anchor(story, stage, where)
        if anchor is None:
            return None, None
        others = Story.objects.filter(squad=story.squad_id).exclude(pk=story.pk).order_by("rank")
        beyond = others.filter(rank__lte=anchor).reverse() if up else others.filter(rank__gte=anchor)
        found = list(beyond.values_list("rank", flat=True)[:2])
    if not found:
        raise ValidationError({"before" if before else "after": f"{story.squad} has no other story {named}."})
    other = found[1] if len(found) > 1 else None
    return (other, found[0]) if up else (found[0], other)


def _anchor(story: Story, stage: str, where: str | None) -> int | None:
    """Return the place of the story in the same column that it goes before (up, top) or behind (down, bottom)."""
    column = Story.objects.filter(squad=story.squad_id, stage=stage).exclude(pk=story.pk)
    ranks = column.values_list("rank", flat=True)
    if where == "top":
        return ranks.order_by("rank").first()
    if where == "bottom":
        return ranks.order_by("-rank").first()
    if where == "up":
        return ranks.filter(rank__lt=story.rank).order_by("-rank").first()
    return ranks.filter(rank__gt=story.rank).order_by("rank").first()


def _renumber(squad: int) -> None:
    """Give all stories of a squad new places in the same order. The caller holds the squad's row.

    In two steps, the first to places below all others: no place is ever held twice, not even in between.
    """
    list(Story.objects.select_for_update().filter(squad=squad).order_by("pk").values_list("pk"))
    ordered = list(Story.objects.filter(squad=squad).order_by("rank").values_list("pk", "rank"))
    lowest = min(ordered[0][1], 0)
    write(Story, ["rank"], [(pk, lowest - index - 1) for index, (pk, _) in enumerate(ordered)])
    write(Story, ["rank"], [(pk, (HEADROOM + index) * RANK_GAP) for index, (pk, _) in enumerate(ordered)])


@transaction.atomic
def block(story: Story, *, by: Actor, because: str) -> Story:
    """Mark a story as waiting for something, with the reason. Raises AlreadyMoved when it is blocked already."""
    because = because.strip()
    if not because:
        raise ValidationError({"because": "Say what it’s waiting for, so someone can help."})
    check_reason(because)
    return _blocked(story, "", because, by)


@transaction.atomic
def unblock(story: Story, *, by: Actor) -> Story:
    """Say that a story waits for nothing any more. Raises AlreadyMoved when it is not blocked."""
    return _blocked(story, None, "", by)


def _blocked(story: Story, leaving: str | None, because: str, by: Actor) -> Story:
    """Change the reason with one guarded UPDATE, and keep what it said before."""
    now = clock.now()
    before, version = Story.objects.select_for_update().values_list("blocked_because", "version").get(pk=story.pk)
    rows = Story.objects.filter(pk=story.pk, version=version)
    rows = rows.filter(blocked_because="") if leaving == "" else rows.exclude(blocked_because="")
    values = {"blocked_because": because, "blocked_at": now if because else None, "version": version + 1}
    if rows.update(**values) != 1:
        raise AlreadyMoved(story.key, "blocked" if because else "unblocked", "blocked" if before else "unblocked")
    StoryEdit.objects.create(
        story=story, version=version + 1, field="blocked_because", before=before, after=because, by=by, at=now
    )
    for name, value in values.items():
        setattr(story, name, value)
    live.touch([story.pk])
    return story
