"""Questions about requests for acceptance: who has to answer, and who may not because the change is their own."""

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q

from portal.kernel.models import StateChange

if TYPE_CHECKING:
    from squads.acceptance.models import AcceptanceRequest  # noqa: F401 - named in quotes below

# Who moved a story here worked on it.
WORKED_ON = ("in_progress", "dev_done")


def moved_by(person: Any, key: Any) -> "models.QuerySet[StateChange]":
    """The moves by which this person worked on the story with this key."""
    return StateChange.objects.filter(kind="story", key=key, to_state__in=WORKED_ON, by=person)


def written_by(person: Any, story: Any) -> "models.QuerySet[Any]":
    """The links of this story to changes that this person wrote, as far as names tell: git knows no accounts.

    An author is this person when called by their full name, user name or e-mail address. Declared by name: squads imports
    no code of releases (docs/adr/0002).
    """
    names = {name for name in (person.get_full_name(), person.username, person.email) if name.strip()}
    author = Q(pk__in=[])
    for name in names:
        author |= Q(change__author__iexact=name)
    if person.email:
        author |= Q(change__author__iendswith=f"<{person.email}>")
    links = apps.get_model("releases", "StoryLink")._default_manager.filter(story=story, refused=False)
    return links.filter(author).order_by()


class AcceptanceQuerySet(models.QuerySet["AcceptanceRequest"]):
    """Questions about requests for acceptance."""

    def open(self) -> "AcceptanceQuerySet":
        """Those nobody has answered or withdrawn."""
        return self.filter(state="open")

    def waiting_for(self, person: Any) -> "AcceptanceQuerySet":
        """The open ones this person can answer: asked by name, or an accepter of the squad; and not of their own change."""
        accepts = apps.get_model("squads", "Membership")._default_manager.filter(
            squad=OuterRef("story__squad"), user=person, accepts=True
        )
        own = Exists(moved_by(person, OuterRef("story__key"))) | Exists(written_by(person, OuterRef("story")))
        return (
            self.open()
            .filter(Q(accepter=person) | Q(accepter=None) & Exists(accepts))
            .exclude(Q(story__squad__accepts_own=False) & (Q(asked_by=person) | own))
        )
