"""The first steps of a newcomer, ticked by the rows that there are: no step is ever done because somebody said so.

What the sample company brings ticks nothing; looking at it is a step of its own.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from portal.accounts.access import may_found
from portal.accounts.models import User
from portal.kernel.actors import Anyone
from portal.kernel.models import StateChange
from releases.models import AcceptanceRun, Change, Deployment, Run, Source, StoryLink
from squads.models import Comment, Evidence, Membership, Squad, Story
from squads.teams.permissions import in_a_squad

# What the sample company is known by (portal/sample).
SAMPLE_SOURCES = ("sample-events", "sample-changes", "sample-checkout")
SAMPLE_PEOPLE = ("sample-ana", "sample-kofi", "sample-mei", "sample-jonas", "sample-nadia", "sample-talk")
REPOSITORIES = ("git", "github", "gitlab")
COUNT_LIMIT = 10_000
ADMINISTRATORS_NAMED = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `who` says who can take it, where the person who looks can not."""

    what: str
    why: str
    url: str
    done: bool
    who: str = ""


def first_steps(user: Anyone) -> list[Step]:
    """Return the steps in their order, for this person or for somebody who is not signed in."""
    has = _rows(user)
    squads = "" if user.is_authenticated else "Sign in first."
    members = "" if in_a_squad(user) else "Members of a squad can do this."
    administrators = "" if user.is_staff else _administrators()
    systems = reverse("releases:sources:system_choice")
    return [
        *([_sample_step(has, squads)] if has["sample"] else []),
        _squad_step(user, has, squads),
        Step(
            "Create a story",
            "Use its key, such as PAY-12, in commit messages.",
            reverse("squads:stories:create"),
            has["story"],
            members,
        ),
        Step(
            "Connect a repository",
            "Its commits mention stories.",
            reverse("releases:sources:create_git"),
            has["repository"],
            administrators,
        ),
        Step("See what it found", _found(has), reverse("releases:evidence:unlinked_changes"), has["linked"], members),
        Step("Connect CI", "Its runs show what is integrated.", systems, has["run"], administrators),
        Step(
            "See a deployment",
            "Connect your deployment system, or report from a script.",
            systems,
            has["deployment"],
            administrators,
        ),
        Step(
            "Check one story in production",
            "Live and checked there means rodeo done.",
            f"{reverse('squads:stories:list')}?stage=deployed",
            has["check"],
            members,
        ),
    ]


def _sample_step(has: dict[str, Any], who: str) -> Step:
    return Step(
        "Try the sample company",
        "Open a story, comment on it or move its card. The sample is yours to play with.",
        reverse("squads:stories:list"),
        has["tried"],
        who,
    )


def _squad_step(user: Anyone, has: dict[str, Any], who: str) -> Step:
    why = "Squads own services and stories."
    if has["squad"] or may_found(user) or not user.is_authenticated:
        url = reverse("squads:teams:list" if has["squads"] else "squads:teams:create")
        return Step("Create or join a squad", why, url, has["squad"], who)
    asked = "A lead can add you." if has["squads"] else "A project manager or an administrator can create one."
    return Step("Join a squad", why, reverse("squads:teams:list"), False, asked)


def _rows(user: Anyone) -> dict[str, Any]:
    """Say for each step whether there is a row that proves it, in one query."""
    own = Source.objects.exclude(key__in=SAMPLE_SOURCES)
    squads = Squad.objects.exclude(members__username__in=SAMPLE_PEOPLE)
    mine = {"user": user.pk} if user.is_authenticated else {"user": None}
    checks = AcceptanceRun.objects.filter(event__source__in=own, environment__tier="production", outcome="success")
    by_hand = Evidence.objects.filter(kind="acceptance", person__isnull=False, taken_back_at=None)
    found: dict[str, QuerySet[Any]] = {
        "sample": Source.objects.filter(key__in=SAMPLE_SOURCES),
        "moved": StateChange.objects.filter(by=user.pk, kind="story"),
        "commented": Comment.objects.filter(author=user.pk),
        "squads": squads,
        "member": Membership.objects.filter(squad__in=squads, **mine),
        "story": Story.objects.filter(squad__in=squads),
        "repository": own.filter(kind__in=REPOSITORIES),
        "read": Change.objects.filter(event__source__in=own),
        "linked": StoryLink.objects.asking().filter(change__event__source__in=own),
        "run": Run.objects.filter(event__source__in=own),
        "deployment": Deployment.objects.filter(event__source__in=own),
        "checked": checks,
        "by_hand": by_hand.exclude(person__username__in=SAMPLE_PEOPLE),
    }
    asked = {f"has_{name}": Exists(rows.order_by()) for name, rows in found.items()}
    row = User.objects.annotate(**asked).order_by("pk").values(*asked).first() or dict.fromkeys(asked, False)
    has: dict[str, Any] = {name.removeprefix("has_"): is_there for name, is_there in row.items()}
    has["tried"] = user.is_authenticated and (has["moved"] or has["commented"])
    has["squad"] = has["member"] or (user.is_staff and has["squads"])
    has["check"] = has["checked"] or has["by_hand"]
    return has


def _found(has: dict[str, Any]) -> str:
    """Return what reading the repositories found so far: how many commits name stories."""
    if not has["read"]:
        return "How many of its commits mention your stories."
    own = Source.objects.exclude(key__in=SAMPLE_SOURCES)
    commits = Change.objects.filter(event__source__in=own, is_merge=False).order_by()
    count = commits.values("pk")[: COUNT_LIMIT + 1].count()
    over, count = ("over " if count > COUNT_LIMIT else ""), min(count, COUNT_LIMIT)
    links = StoryLink.objects.asking().filter(change=OuterRef("pk"))
    linked = commits.filter(Exists(links)).values("pk")[:COUNT_LIMIT].count() if has["linked"] else 0
    told = f"{over}{count:,} commit{'' if count == 1 else 's'}"
    told = told[:1].upper() + told[1:]
    if not linked:
        return f"{told}: none mention your stories. Mention a key in a commit message."
    rest = max(count - linked, 0)
    others = f", {rest:,} {'doesn’t' if rest == 1 else 'don’t'}" if rest else ""
    return f"{told}: {linked:,} mention{'s' if linked == 1 else ''} your stories{others}."


def _administrators() -> str:
    """Say who connects systems, by name."""
    people = User.objects.filter(Q(is_staff=True) | Q(is_superuser=True), is_active=True).order_by("pk")
    names = [person.name for person in people[: ADMINISTRATORS_NAMED + 1]]
    if not names:
        return "Administrators can do this."
    told = ", ".join(names[:ADMINISTRATORS_NAMED])
    return f"Administrators can do this: {told}{' and others' if len(names) > ADMINISTRATORS_NAMED else ''}."
