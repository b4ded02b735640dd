"""Sessions of retrospectives: people write cards, group them, vote and discuss.

Until the reveal, the cards of a session are one encrypted text: no card has a row, a time, an order or an author there
(docs/anonymity.md says what that protects from, and what it doesn't).
"""

import secrets
import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.crypto import salted_hmac

from portal.kernel import clock
from portal.kernel.secrets import SecretField, box
from squads.retrospective_sessions.columns import LONGEST_CARD, LONGEST_NAME
from squads.retrospectives.models import Retrospective

# The encrypted text is as long as a power of two of this, whatever is in it.
SMALLEST = 16 * 1024


def new_salt() -> str:
    """Return what makes the voters of one session other texts than those of the next."""
    return secrets.token_urlsafe(24)


class SealedField(SecretField):
    """An encrypted text of which the database knows nothing: neither its length nor when it was written."""

    def get_prep_value(self, value: Any) -> Any:
        if not value:
            return ""
        text = str(value).encode()
        size = SMALLEST
        while size < len(text):
            size *= 2
        # Fernet writes the time of encryption in plain text before the rest.
        return box().encrypt_at_time(text.ljust(size), 0).decode()


class RetrospectiveSession(models.Model):
    """The session of a retrospective."""

    class Phase(models.TextChoices):
        REFLECT = "reflect", "reflect"
        GROUP = "group", "group"
        VOTE = "vote", "vote"
        DISCUSS = "discuss", "discuss"
        CLOSED = "closed", "closed"

    retrospective = models.OneToOneField(Retrospective, on_delete=models.CASCADE, related_name="session")
    phase = models.CharField(max_length=7, choices=Phase, default=Phase.REFLECT)
    anonymous = models.BooleanField(default=True, help_text="Can't be changed once there is a card.")
    for_readers = models.BooleanField(default=False, help_text="Everyone who can read the retrospective takes part.")
    votes_each = models.PositiveSmallIntegerField(default=5, help_text="how many votes a person has")
    votes_on_one = models.PositiveSmallIntegerField(default=2, help_text="how many of them can go to one group")
    ends_at = models.DateTimeField(null=True, help_text="when the timer of this phase ends")
    version = models.PositiveIntegerField(default=1, help_text="grows with everything that all participants see")
    contributors = models.PositiveSmallIntegerField(
        null=True, help_text="of how many people there were cards at the reveal"
    )
    salt = models.CharField(max_length=40, default=new_salt, editable=False)
    cards_lost = models.BooleanField(default=False, help_text="A backup was restored, and those hold no hidden cards.")
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    opened_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "squads"

    def __str__(self) -> str:
        return f"The session of “{self.retrospective.title[:150]}”"

    def get_absolute_url(self) -> str:
        return reverse("squads:retrospective_sessions:session", args=[self.retrospective.slug])

    def person_hash(self, person: Any) -> str:
        """Return what stands for a person where people are counted in this session: a keyed hash."""
        return salted_hmac(f"retrospective session {self.salt}", str(person.pk), algorithm="sha256").hexdigest()

    @property
    def topic(self) -> str:
        """What open pages of this session listen to."""
        return f"retrospective_session:{self.retrospective.slug}"


class HiddenCards(models.Model):
    """The cards of a session before the reveal: one encrypted text for all of them. No backup holds it."""

    session = models.OneToOneField(
        RetrospectiveSession, primary_key=True, on_delete=models.CASCADE, related_name="hidden"
    )
    sealed = SealedField(editable=False)

    # Read by portal/ops/backup.py: a backup has the key too, and two of them would tell what was written between.
    left_out_of_backups = True

    class Meta:
        app_label = "squads"
        verbose_name_plural = "hidden cards"

    def __str__(self) -> str:
        return f"hidden cards of session {self.session_id}"


class CardGroup(models.Model):
    """Cards that say the same, or one alone. Every card is in one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(RetrospectiveSession, on_delete=models.CASCADE, related_name="groups")
    section = models.SlugField(max_length=40, help_text="the section of the retrospective that it is shown under")
    name = models.CharField(max_length=LONGEST_NAME, blank=True)
    position = models.PositiveIntegerField()
    votes = models.PositiveIntegerField(default=0, help_text="counted when voting ends")
    added_to = models.SlugField(max_length=40, blank=True, help_text="the section its cards were added to")

    class Meta:
        app_label = "squads"
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name or f"group {self.id}"


class SessionCard(models.Model):
    """A card after the reveal: what somebody wrote. It has no author, no time, and an order that chance made."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(RetrospectiveSession, on_delete=models.CASCADE, related_name="cards")
    # A group goes only with its session, or empty.
    group = models.ForeignKey(CardGroup, on_delete=models.RESTRICT, related_name="cards")
    section = models.SlugField(max_length=40, help_text="the section it was written for")
    text = models.CharField(max_length=LONGEST_CARD)

    class Meta:
        app_label = "squads"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text[:80]


class CardSignature(models.Model):
    """Who wrote a card, in sessions that aren't anonymous. An anonymous session has none of these."""

    card = models.OneToOneField(SessionCard, primary_key=True, on_delete=models.CASCADE, related_name="signature")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        app_label = "squads"

    def __str__(self) -> str:
        return f"signature of card {self.card_id}"


class Ballot(models.Model):
    """The votes of one participant, under a keyed hash. It is counted when voting ends, and deleted when the session closes."""

    # A number would tell who voted first.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(RetrospectiveSession, on_delete=models.CASCADE, related_name="ballots")
    voter = models.CharField(max_length=64)
    votes = models.JSONField(default=dict, help_text="how many votes for which group")

    left_out_of_backups = True

    class Meta:
        app_label = "squads"
        constraints = [models.UniqueConstraint(fields=["session", "voter"], name="ballot_once")]

    def __str__(self) -> str:
        return f"ballot in session {self.session_id}"
