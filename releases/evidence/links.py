"""Saying by hand which changes belong to which story. What a person said stays, also when the inbox is replayed."""

import re
from collections.abc import Iterable
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.live import touch
from portal.kernel.outbox import publish
from releases.events import ChangeLinked
from releases.pipelines.models import Change, Repository, StoryLink
from squads.models import Story
from squads.stories.editing import note

SHORTEST = 7
SHA = re.compile(r"[0-9a-z]{7,100}")
MOST_UNLINKED = 10_000
REPOSITORIES_OFFERED = 500


def change_named(text: str) -> Change:
    """Return the change that a person means: its full sha or an unambiguous beginning, of one repository after a "@".

    Raises ValidationError naming what to write instead.
    """
    text = text.strip()
    repository, _, sha = text.rpartition("@")
    sha = sha.lower()
    if not SHA.fullmatch(sha):
        raise ValidationError(
            {"sha": f"Enter a commit sha, at least its first {SHORTEST} characters, such as 4f2a91c."}
        )
    rows = Change.objects.filter(sha__startswith=sha).select_related("repository").order_by("sha", "repository__key")
    if repository:
        rows = rows.filter(repository__key=repository)
    found = list(rows[:3])
    if len(found) > 1 and len(exact := [row for row in found if row.sha == sha]) == 1:
        found = exact
    if len(found) == 1:
        return found[0]
    if not found:
        where = f"in {repository} " if repository else ""
        raise ValidationError(
            {
                "sha": f"No change {where}starts with {sha}. It appears after its repository is pulled or its event arrives."
            }
        )
    if found[0].sha == found[1].sha:
        raise ValidationError(
            {
                "sha": f"{sha[:8]} is in {found[0].repository} and in {found[1].repository}. "
                f"Write {found[0].repository}@{sha[:8]} for the first."
            }
        )
    raise ValidationError({"sha": f"More than one change starts with {sha}. Enter more of the sha."})


@transaction.atomic
def link_change(change: Change, story: Story, *, by: Actor) -> StoryLink:
    """Say that a change belongs to a story, also when somebody refused that before. It is judged by it after the commit.

    Raises ValidationError when it is linked already.
    """
    now = clock.now()
    # What named it by a key that it has elsewhere is a link to it as well.
    there = StoryLink.objects.filter(change=change, story=story).order_by("refused", "pk").values_list("key", flat=True)
    link, made = StoryLink.objects.select_for_update().get_or_create(
        change=change,
        key=there.first() or story.key,
        defaults={"story": story, "rule": StoryLink.Rule.PERSON, "person": by, "linked_at": now},
    )
    if not made:
        if not link.refused and not link.mention and link.story_id == story.pk:
            raise ValidationError({"sha": f"{change} is already linked to {story.key}: {link.get_rule_display()}."})
        link.story, link.rule, link.mention = story, StoryLink.Rule.PERSON, ""
        link.person, link.refused, link.linked_at = by, False, now
        link.save(update_fields=["story", "rule", "mention", "person", "refused", "linked_at"])
    note(story, "change", None, f"{change} of {change.repository}", by=by)
    _told(change, story)
    return link


@transaction.atomic
def unlink_change(change: Change, story: Story, *, by: Actor) -> None:
    """Say that a change does not belong to a story, whatever its message says; doing it twice changes nothing."""
    # A key that the story has elsewhere may have linked it.
    links = StoryLink.objects.filter(Q(key=story.key) | Q(story=story), change=change, refused=False)
    if links.update(refused=True, person=by):
        note(story, "change", f"{change} of {change.repository}", None, by=by)
        _told(change, story)


def _told(change: Change, story: Story) -> None:
    publish(ChangeLinked(change=str(change.pk), stories=[story.pk]))
    touch([story.pk])


def change_of(story: Story, pk: UUID) -> Change | None:
    """Return the change with this id if it is linked to the story."""
    rows = Change.objects.select_related("repository").filter(pk=pk, links__story=story, links__refused=False)
    return rows.first()


def mentioned_in(changes: Iterable[Change]) -> dict[UUID, list[StoryLink]]:
    """Return the stories that changes mention, or that a word in them looks like, by change."""
    found: dict[UUID, list[StoryLink]] = {}
    links = StoryLink.objects.filter(change__in=[row.pk for row in changes], refused=False, story__isnull=False)
    for link in links.exclude(mention__in=("", StoryLink.Mention.NOTHING)).order_by("key"):
        found.setdefault(link.change_id, []).append(link)
    return found


def unlinked(repository: Repository | None = None) -> "QuerySet[Change]":
    """Return the changes of all repositories, or of one, that belong to no story; merges left out, newest first."""
    linked = StoryLink.objects.asking().filter(change=OuterRef("pk"))
    rows = Change.objects.filter(is_merge=False).exclude(Exists(linked)).select_related("repository__service")
    if repository is not None:
        rows = rows.filter(repository=repository)
    return rows.order_by(F("committed_at").desc(nulls_last=True), "pk")
