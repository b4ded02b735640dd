"""Questions about requests for acceptance: who has to answer, and who may not because the change is their own."""

from typing import TYPE_CHECKING

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q

from portal.kernel.actors import Actor
from portal.kernel.among import Given, equals
from squads.stories.authorship import moved_by, written_by

if TYPE_CHECKING:
    from squads.acceptance.models import AcceptanceRequest  # noqa: F401 - named in quotes below


class AcceptanceQuerySet(models.QuerySet["AcceptanceRequest"]):
    """Questions about requests for acceptance."""

    def open(self) -> "AcceptanceQuerySet":
        """Return those that nobody has answered or withdrawn."""
        return self.filter(state="open")

    def waiting_for(self, person: Actor) -> "AcceptanceQuerySet":
        """Return the open ones that this person can answer: asked by name or as an accepter, and not about their own change.

        Those whose story became rodeo done by other evidence, was cancelled or is a duplicate wait for nobody."""
        own = Exists(moved_by(person, OuterRef("story__key"))) | Exists(written_by(person, OuterRef("story")))
        return (
            self.concerning(person)
            .exclude(story__stage="rodeo_done")
            .filter(story__ending="", story__squad__archived_at=None)
            .exclude(Q(story__squad__accepts_own=False) & (Q(asked_by=person) | own))
        )

    def concerning(self, person: Actor | Given) -> "AcceptanceQuerySet":
        """Return the open ones asked of this person by name, or of a squad's accepters of whom this person is one."""
        accepts = apps.get_model("squads", "Membership")._default_manager.filter(
            equals("user", person), squad=OuterRef("story__squad"), accepts=True
        )
        return self.open().filter(equals("accepter", person) | Q(accepter=None) & Exists(accepts))
