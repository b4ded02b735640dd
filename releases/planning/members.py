"""Which stories releases ship, how far they are and since when, read in as many queries whatever the number of releases."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Model

from releases.pipelines.models import StoryLink
from releases.planning.models import Release
from releases.planning.state import DEPLOYED, About, Member, State, state_of
from squads.judge.case import PRODUCTION
from squads.judge.stages import STAGES
from squads.models import Evidence, ScopeChange, StageChange, Story
from squads.stories.cards import moment

# As many stories as one statement names.
AT_ONCE = 10_000
# When a story last reached a stage or one beyond it, by the names of `Member`.
REACHED = {"started": "in_progress", "tested": "tested", "deployed": "deployed", "accepted": "rodeo_done"}


class Shipment(NamedTuple):
    """A story that a release ships: its stage and type, whether it is planned for it, and whether a change of it names the story.

    `linked_at` is when a person linked the first such change, if nothing but people did.
    """

    stage: str
    type: str
    planned: bool
    named: bool = False
    linked_at: datetime | None = None


Shipped = Mapping[int, Shipment]


class _Moments(NamedTuple):
    """When stories reached their stages, came into releases and went out of them, and run in production in part."""

    reached: dict[int, tuple[datetime | None, ...]]
    came_in: dict[tuple[UUID, int], datetime]
    lost_at: dict[UUID, datetime]
    partly: dict[int, datetime]


def states_of(releases: Iterable[Release], shipped: Mapping[UUID, Shipped] | None = None) -> dict[UUID, State]:
    """Return the state of each of these releases, in three queries; in one, if it is known what they ship.

    Releases that were abandoned need `abandoned_by`.
    """
    asked = {each.pk: each for each in releases}
    shipped = shipments_of(asked) if shipped is None else shipped
    moments = _moments_of(list(asked), shipped)
    return {pk: state_of(_members(each, shipped[pk], moments), _about(each, moments), pk) for pk, each in asked.items()}


def state_now(release: Release, shipped: Shipped | None = None) -> State:
    """Return the state of one release."""
    return states_of([release], None if shipped is None else {release.pk: shipped})[release.pk]


def shipments_of(releases: Iterable[UUID]) -> dict[UUID, dict[int, Shipment]]:
    """Return the stories that each of these releases ships: those planned for it, and those that one of its changes names.

    What was cancelled or is a duplicate is shipped by none. Two queries.
    """
    ids = list(releases)
    found: dict[UUID, dict[int, Shipment]] = {pk: {} for pk in ids}
    rows: Any = Story.objects.not_ended().filter(release__in=ids).order_by()
    for release, pk, stage, type_ in rows.values_list("release_id", "pk", "stage", "type"):
        found[release][pk] = Shipment(stage, type_, planned=True)
    links: Any = StoryLink.objects.asking().filter(change__release__in=ids, story__ending="").order_by()
    columns = ("change__release_id", "story_id", "story__stage", "story__type", "linked_at")
    for release, pk, stage, type_, linked in links.values_list(*columns).distinct():
        known = found[release].get(pk) or Shipment(stage, type_, planned=False)
        found[release][pk] = named(known, linked)
    return found


def named(shipment: Shipment, linked_at: datetime | None) -> Shipment:
    """Return a story that one more change of the release names."""
    first = linked_at
    if shipment.named:
        first = min(shipment.linked_at, linked_at) if shipment.linked_at and linked_at else None
    return shipment._replace(named=True, linked_at=first)


def named_since(release: Release, shipment: Shipment) -> datetime:
    """Return since when a change of a release names a story: since its tag, or since people linked them."""
    tagged = release.tagged_at or release.created_at
    return max(tagged, shipment.linked_at) if shipment.linked_at else tagged


def _members(release: Release, shipped: Shipped, moments: _Moments) -> Iterable[Member]:
    for pk, each in shipped.items():
        planned = moments.came_in.get((release.pk, pk)) if each.planned else None
        known = [at for at in (planned, named_since(release, each) if each.named else None) if at]
        member = Member(pk, each.stage, each.planned, min(known, default=None), *moments.reached.get(pk, ()))
        yield member._replace(partly=moments.partly.get(pk))


def _about(release: Release, moments: _Moments) -> About:
    return About(
        release.created_at,
        is_out=release.is_out,
        is_tagged=release.tagged_at is not None or release.commits > 0,
        lost_at=moments.lost_at.get(release.pk),
        abandoned_at=release.abandoned_at,
        abandoned_by=release.abandoned_by.name if release.abandoned_by else "",
        abandoned_because=release.abandoned_because,
    )


def _moments_of(releases: list[UUID], shipped: Mapping[UUID, Shipped]) -> _Moments:
    """Read all moments that states depend on in one statement, or a few where releases ship very many stories."""
    found = _Moments({}, {}, {}, {})
    stages = {pk: each.stage for stories in shipped.values() for pk, each in stories.items()}
    ids, known = list(stages), {_stored(pk): pk for pk in releases}
    for start in range(0, len(ids) or 1, AT_ONCE):
        some = ids[start : start + AT_ONCE]
        undeployed = [pk for pk in some if stages[pk] not in DEPLOYED]
        with connection.cursor() as cursor:
            cursor.execute(*_statement(some, undeployed, [] if start else list(known)))
            for kind, story, release, *at in cursor.fetchall():
                _take(found, kind, story, known.get(release), [_moment(each) for each in at])
    return found


def _moment(at: Any) -> datetime | None:
    """Return a moment as the database gave it: PostgreSQL as one, SQLite as text."""
    return at if isinstance(at, datetime) else moment(at)


def _stored(release: UUID) -> Any:
    return Release._meta.pk.get_db_prep_value(release, connection)


def _take(found: _Moments, kind: str, story: int, release: UUID | None, at: list[Any]) -> None:
    if kind == "stage":
        found.reached[story] = tuple(at)
    elif kind == "gain" and release:
        found.came_in[release, story] = at[0]
    elif kind == "loss" and release:
        found.lost_at[release] = at[0]
    elif kind == "place":
        # First and last moment at which the place got something of the story, and the last at which it had nothing.
        first, last, nothing, _ = at
        since = first if nothing is None else last
        if since is not None and (nothing is None or last > nothing):
            found.partly[story] = min(since, found.partly.get(story, since))


def _listed(values: Sequence[Any]) -> str:
    # A list with nothing in it is no SQL; no row has this.
    return ", ".join(["%s"] * len(values)) or "NULL"


def _crossed(stage: str) -> str:
    """Return the SQL of when a story last came to a stage or one beyond it."""
    place = STAGES.index(stage)
    before, after = (", ".join(f"'{each}'" for each in some) for some in (STAGES[:place], STAGES[place:]))
    return f"MAX(CASE WHEN from_stage IN ({before}) AND to_stage IN ({after}) THEN at END)"


CROSSED = ", ".join(_crossed(stage) for stage in REACHED.values())
TIERS = ", ".join(f"'{tier}'" for tier in PRODUCTION)


def _statement(stories: list[int], undeployed: list[int], releases: list[Any]) -> tuple[str, list[Any]]:
    """Return the four questions as one statement, with its values: rows of kind, story, release and four moments.

    By hand, as the ORM takes longer to write it and to read its rows than the database to answer it.
    """
    some = _listed(releases)
    return (
        f"SELECT 'stage', story_id, NULL, {CROSSED} FROM {_table(StageChange)}"  # noqa: S608 - names of ours, no values
        f" WHERE story_id IN ({_listed(stories)}) GROUP BY story_id"
        f" UNION ALL SELECT 'gain', story_id, to_release_id, MAX(at), NULL, NULL, NULL FROM {_table(ScopeChange)}"
        f" WHERE to_release_id IN ({some}) GROUP BY story_id, to_release_id"
        f" UNION ALL SELECT 'loss', NULL, from_release_id, MAX(at), NULL, NULL, NULL FROM {_table(ScopeChange)}"
        f" WHERE from_release_id IN ({some}) GROUP BY from_release_id"
        " UNION ALL SELECT 'place', story_id, NULL, MIN(CASE WHEN shas <> '[]' THEN at END),"
        " MAX(CASE WHEN shas <> '[]' THEN at END), MAX(CASE WHEN shas = '[]' THEN at END), NULL"
        f" FROM {_table(Evidence)} WHERE story_id IN ({_listed(undeployed)}) AND kind = 'deployment'"
        f" AND tier IN ({TIERS}) AND NOT by_hand GROUP BY story_id, service, environment",
        [*stories, *releases, *releases, *undeployed],
    )


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)
