"""What the first page shows: to a person what concerns them, to everybody else what is going out."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.urls import NoReverseMatch, reverse

from portal.accounts.models import User
from portal.home.first_steps import Step, first_steps
from portal.kernel import clock
from portal.kernel.actors import Anyone
from portal.kernel.models import Mail, Message, StateChange
from releases.models import InboundEvent, Release
from squads.assignments.queries import assigned_to, unseen
from squads.judge.stages import STAGE_NAMES, STAGES
from squads.models import AcceptanceRequest, Comment, Mention, Squad, StageChange, Story, Watch
from squads.retrospective_actions import queries as retrospective_actions
from squads.stories import queries as stories
from squads.teams import queries as teams

RELEASES, STORIES, MINE, WAITING, NEWS, CONCERNING = 6, 12, 12, 20, 30, 2000
# Whoever never said that they caught up is shown this much.
AT_FIRST = timedelta(days=7)


class BoardLink(NamedTuple):
    """A squad of the person, where its board is, and how many stories stand on each stage."""

    squad: Squad
    url: str
    counts: list[teams.StageCount]


class Risen(NamedTuple):
    """A story that evidence moved: onto a rung, or off it again."""

    story: Story
    rung: str
    at: datetime
    why: str
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class News:
    """What changed since a person last caught up. `until` is when it was looked up."""

    since: datetime
    until: datetime
    first_time: bool
    risen: list[Risen] = field(default_factory=list)
    declined: list[AcceptanceRequest] = field(default_factory=list)
    moves: list[Any] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    more: bool = False

    def __bool__(self) -> bool:
        return bool(self.risen or self.declined or self.moves or self.comments)


def first_page() -> dict[str, Any]:
    """Return what anybody is shown: the next releases, the newest unfinished stories of them, and the first steps."""
    releases = _releases()
    under_way = Story.objects.unfinished().exclude(stage="todo").select_related("squad").order_by("-pk")
    under_way = under_way.filter(release__in=[release.pk for release in releases if not release.is_out])
    steps = _steps_left(AnonymousUser())
    return {"lines": stories.lines(under_way[:STORIES]), "releases": releases, "steps": steps, **_portal()}


def own_page(user: User, number: int = 1) -> dict[str, Any]:
    """Return what a signed-in person is shown; `number` is the page of their own stories."""
    start = (number - 1) * MINE
    concerned = concerning(user)
    mine = list(stories_of(user)[start : start + MINE + 1])
    own = Squad.objects.active().filter(members=user).with_notice().order_by("name")
    # Whether anything is overdue or asked about is asked along: few pages need to know what.
    overdue = Exists(retrospective_actions.overdue().filter(squad=OuterRef("pk")))
    asks = Exists(retrospective_actions.asked().filter(squad=OuterRef("pk")))
    squads = list(own.annotate(is_late=overdue, is_asked=asks))
    late = [squad.pk for squad in squads if squad.is_late]
    asked = [squad.pk for squad in squads if squad.is_asked]
    counts = teams.stages_of([squad.pk for squad in squads])
    return {
        "overdue_actions": retrospective_actions.overdue_of(user, late) if late else [],
        "asked_actions": retrospective_actions.asked_at_home(user, asked) if asked else [],
        "boards": [BoardLink(each, board_url(each), teams.stage_counts(counts.get(each.pk))) for each in squads],
        "lines": stories.lines(mine[:MINE]),
        "number": number,
        "more": len(mine) > MINE,
        "requests": list(waiting_for(user)[:WAITING]),
        "assigned": list(unseen(user)[:WAITING]),
        "mentions": list(unseen_mentions(user)[:WAITING]),
        "news": news(user, concerned),
        "releases": _releases(),
        "steps": [] if user.first_steps_hidden_at else _steps_left(user),
        **_portal(),
    }


def _steps_left(user: Anyone) -> list[Step]:
    """Return the first steps, the ones that are done as well; none once all are."""
    steps = first_steps(user)
    return [] if all(step.done for step in steps) else steps


def board_url(squad: Squad) -> str:
    """Return the address of a squad's board, or of its page in a portal without boards."""
    try:
        return reverse("squads:boards:board", args=[squad.slug])
    except NoReverseMatch:
        return squad.get_absolute_url()


def concerning(user: User) -> dict[int, str]:
    """Return the ids and keys of the stories the person wrote, moved or watches: the newest 2,000 of them. Whoever is
    assigned watches.

    What they only brought in from elsewhere is not theirs. One query, so that the others can ask by id: "or" between
    such different questions has the database look through all stories.
    """
    moved = StateChange.objects.filter(kind="story", by=user).values("key")
    arms = [
        Story.objects.filter(created_by=user, external=""),
        Story.objects.filter(key__in=moved),
        Story.objects.filter(pk__in=Watch.objects.filter(person=user).values("story")),
    ]
    first, *others = (arm.order_by().values_list("pk", "key") for arm in arms)
    return dict(first.union(*others).order_by("-pk")[:CONCERNING])


def stories_of(user: User) -> QuerySet[Story]:
    """The unfinished stories that are assigned to the person, those they moved last first; none of archived squads."""
    mine = Story.objects.unfinished().filter(assigned_to("me", user), squad__archived_at=None).select_related("squad")
    return mine.order_by(F("progress_at").desc(nulls_last=True), "-pk")


def waiting_for(user: User) -> QuerySet[AcceptanceRequest]:
    """The stories somebody asked this person to accept, or any accepter of a squad they accept for; the oldest first."""
    rows = AcceptanceRequest.objects.waiting_for(user)
    return rows.select_related("story__squad", "asked_by").order_by("asked_at", "pk")


def unseen_mentions(user: User) -> QuerySet[Mention]:
    """Comments that name the person and that they have not seen, newest first."""
    rows = Mention.objects.filter(person=user, seen_at=None, comment__removed_at=None)
    return rows.select_related("comment__author", "comment__story").order_by("-comment__created_at", "-pk")


def news(user: User, concerned: dict[int, str]) -> News:
    """What happened since the person last caught up, by others, to stories they wrote, moved or watch."""
    until = clock.now()
    since = user.looked_at or until - AT_FIRST
    risen = _risen(list(concerned), since)
    # What was accepted rose by it.
    declined = list(
        AcceptanceRequest.objects.filter(story__in=list(concerned), state="declined", answered_at__gt=since)
        .filter(evidence__taken_back_at=None)
        .exclude(answered_by=user)
        .select_related("answered_by", "story")
        .order_by("-answered_at", "-pk")[: NEWS + 1]
    )
    changes = StateChange.objects.filter(kind="story", key__in=list(concerned.values()), at__gt=since)
    subject = Story.objects.filter(key=OuterRef("key"))
    moves = list(
        changes.filter(Q(by__isnull=True) | ~Q(by=user))
        .select_related("by")
        .annotate(title=Subquery(subject.values("title")[:1]), standing=Subquery(subject.values("standing")[:1]))
        .order_by("-at", "-pk")[: NEWS + 1]
    )
    comments = list(
        Comment.objects.filter(story__watches__person=user, created_at__gt=since, removed_at=None)
        .exclude(author=user)
        .select_related("author", "story")
        .order_by("-created_at", "-pk")[: NEWS + 1]
    )
    return News(
        since,
        until,
        user.looked_at is None,
        risen[:NEWS],
        declined[:NEWS],
        moves[:NEWS],
        comments[:NEWS],
        more=max(len(risen), len(declined), len(moves), len(comments)) > NEWS,
    )


def _risen(concerned: list[int], since: datetime) -> list[Risen]:
    """Return the newest change of stage of each story that evidence moved since, those that fell first."""
    changes = StageChange.objects.filter(story__in=concerned, at__gt=since, evidence__isnull=False)
    newest = changes.select_related("story__squad").order_by("-at", "-pk")[: NEWS * 4]
    found: dict[int, Risen] = {}
    for change in newest:
        fell = STAGES.index(change.to_stage) < STAGES.index(change.from_stage)
        name = STAGE_NAMES[change.from_stage if fell else change.to_stage]
        found.setdefault(change.story_id, Risen(change.story, name, change.at, change.why, fell))
    return sorted(found.values(), key=lambda each: (each.withdrawn, each.at), reverse=True)


def _releases() -> list[Release]:
    return list(Release.objects.newest_first()[:RELEASES])


def _portal() -> dict[str, Any]:
    """Return how many events failed, how many messages are dead and how many mails failed."""
    failed = InboundEvent.objects.filter(state="failed").order_by().values("state").annotate(n=Count("*")).values("n")
    # None of them was handled, so they are one group.
    dead = Message.objects.dead().order_by().values("handled_at").annotate(n=Count("*")).values("n")
    mails = Mail.objects.failed().order_by().values("state").annotate(n=Count("*")).values("n")
    one = User.objects.annotate(failed=Subquery(failed), dead=Subquery(dead), mails=Subquery(mails)).order_by("pk")
    row: Any = one.values("failed", "dead", "mails").first() or {}
    return {
        name: row.get(key) or 0 for name, key in (("failed", "failed"), ("dead", "dead"), ("failed_mails", "mails"))
    }
