"""When stories were part of releases, as the rows of the scope history say."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from squads.scope_history.models import ScopeChange
from squads.scope_history.stays import Stay, Turn, stays_of

# As many releases as one statement names.
AT_ONCE = 10_000


def stays_in(present: Mapping[UUID, Iterable[Stay]]) -> dict[UUID, list[Stay]]:
    """Return when stories were part of each of these releases, by its id. One query, and one more where rows are missing.

    `present` are the stories that each ships now, with the first moment at which one without rows may have been there: a release
    that was gone for a while has lost its own. It wasn't there before it was created.
    """
    turns: dict[UUID, list[Turn]] = {pk: [] for pk in present}
    ids = list(present)
    for start in range(0, len(ids), AT_ONCE):
        some = set(ids[start : start + AT_ONCE])
        rows = ScopeChange.objects.filter(Q(from_release__in=some) | Q(to_release__in=some)).order_by("at", "pk")
        for story, left, joined, at in rows.values_list("story_id", "from_release_id", "to_release_id", "at"):
            for release in (left, joined):
                # A row between releases of two statements is in the answers to both.
                if release in some:
                    turns[release].append(Turn(at, story, release == joined))
    found = {pk: stays_of(each) for pk, each in turns.items()}
    missing = {pk: list(_missing(stays, present[pk])) for pk, stays in found.items()}
    created = _created({stay.story_id for stays in missing.values() for stay in stays})
    for pk, stays in missing.items():
        found[pk] += [stay._replace(since=max(stay.since, created[stay.story_id])) for stay in stays]
    return found


def _missing(stays: Iterable[Stay], present: Iterable[Stay]) -> Iterator[Stay]:
    known = {stay.story_id for stay in stays if stay.until is None}
    return (stay for stay in present if stay.story_id not in known)


def _created(stories: Iterable[int]) -> dict[int, datetime]:
    story: Any = ScopeChange._meta.get_field("story").related_model
    ids = list(stories)
    found: dict[int, datetime] = {}
    for start in range(0, len(ids), AT_ONCE):
        rows = story._default_manager.filter(pk__in=ids[start : start + AT_ONCE])
        found.update(rows.values_list("pk", "created_at"))
    return found
