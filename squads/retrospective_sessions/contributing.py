"""Writing cards, and revealing them.

A browser keeps a secret for each of its cards, with which it changes or removes it. Only its hash is kept, in the encrypted
text with the cards. Beside the cards, and tied to none, stands how many each person has, under a keyed hash: by that people
are counted. All of it goes at the reveal. Nothing here writes any other row, publishes news, or tells open pages
(docs/anonymity.md).
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel.actors import Actor
from portal.kernel.deleted_rows import overwrite_versions
from squads.retrospective_sessions.changes import hold, tell
from squads.retrospective_sessions.columns import FEWEST, LONGEST_CARD, MOST_CARDS
from squads.retrospective_sessions.models import (
    CardGroup,
    CardSignature,
    HiddenCards,
    RetrospectiveSession,
    SessionCard,
)
from squads.retrospective_sessions.permissions import check_in_browser
from squads.retrospective_sessions.queries import columns_of

LONGEST_SECRET = 100
CHANCE = secrets.SystemRandom()
UNREADABLE = (
    "The cards can’t be read: the key they were saved with is missing from RODEO_FIELD_KEYS. "
    "Ask an administrator to put it back."
)
TOO_LATE = "The cards are revealed, so they can’t be changed any more."


class FewContributors(ValidationError):
    """Fewer people contributed than it takes to be anonymous."""


@dataclass
class HiddenCard:
    """A card before the reveal. `by` is empty in an anonymous session."""

    digest: str
    section: str
    text: str
    by: int | None = None


@dataclass
class Hidden:
    """What a session holds before the reveal: cards, and how many each person wrote, not which.

    A person is a keyed hash that is another one in every session.
    """

    begun: bool = False
    cards: list[HiddenCard] = field(default_factory=list)
    contributors: dict[str, int] = field(default_factory=dict)

    def count(self, person: str, more: int) -> None:
        """Have a person have so many more cards. Who has none is forgotten."""
        self.contributors[person] = self.contributors.get(person, 0) + more
        self.contributors = {each: count for each, count in sorted(self.contributors.items()) if count > 0}


class OwnCard(NamedTuple):
    """A card as its writer sees it: its secret, its section, its text."""

    secret: str
    section: str
    text: str


def new_secret() -> str:
    """Return a secret for a card."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """Return what is kept of a secret. Secrets are random and long, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def read(session: RetrospectiveSession) -> Hidden | None:
    """Return what a session holds before the reveal; None where a restored backup has lost it."""
    row = HiddenCards.objects.filter(session=session.pk).first()
    if row is None:
        return None
    if not row.sealed:
        raise ValidationError(UNREADABLE)
    said = json.loads(row.sealed)
    cards = [HiddenCard(**each) for each in said["cards"]]
    return Hidden(said["begun"], cards, said["contributors"])


def save(session: RetrospectiveSession, hidden: Hidden) -> None:
    """Keep what a session holds before the reveal. By their hashes they stand in no order that anybody chose."""
    hidden.cards.sort(key=lambda each: each.digest)
    text = json.dumps(asdict(hidden), ensure_ascii=False)
    if not HiddenCards.objects.filter(session=session.pk).update(sealed=text):
        HiddenCards.objects.create(session=session, sealed=text)


@transaction.atomic
def write_card(session: RetrospectiveSession, *, by: Actor, section: str, text: str, signed: bool = False) -> str:
    """Write a card, and return its secret, with which its writer changes or removes it. Raises ValidationError by field.

    `signed` says that the writer knows: the card will show who wrote it. Without, only an anonymous session takes it.
    """
    held, hidden = _open(session, by)
    _check_signed(held, signed)
    if section not in {each.key for each in columns_of(held.retrospective)}:
        raise ValidationError(
            {"section": "This retrospective has no such section for cards. Choose one of its columns."}
        )
    if len(hidden.cards) >= MOST_CARDS:
        raise ValidationError({"text": f"This session has {MOST_CARDS} cards, which is the most."})
    secret = new_secret()
    author = None if held.anonymous else by.pk
    hidden.cards.append(HiddenCard(digest_of(secret), section, checked_text(text), author))
    hidden.count(held.person_hash(by), 1)
    hidden.begun = True
    save(held, hidden)
    return secret


@transaction.atomic
def change_card(session: RetrospectiveSession, *, by: Actor, secret: str, text: str) -> None:
    """Change the text of a card, for whoever has its secret."""
    held, hidden = _open(session, by)
    card = _card_of(hidden, secret)
    card.text = checked_text(text)
    save(held, hidden)


@transaction.atomic
def remove_card(session: RetrospectiveSession, *, by: Actor, secret: str) -> None:
    """Remove a card, for whoever has its secret. Without cards, a person isn't counted."""
    held, hidden = _open(session, by)
    hidden.cards.remove(_card_of(hidden, secret))
    hidden.count(held.person_hash(by), -1)
    save(held, hidden)


def own_cards(session: RetrospectiveSession, given: Collection[str]) -> list[OwnCard]:
    """Return the cards that these secrets open, in their order."""
    hidden = read(session) if session.phase == RetrospectiveSession.Phase.REFLECT else None
    by_digest = {card.digest: card for card in hidden.cards} if hidden else {}
    found = [(secret, by_digest.get(digest_of(secret))) for secret in given]
    return [OwnCard(secret, card.section, card.text) for secret, card in found if card]


def reveal(held: RetrospectiveSession, *, even_so: bool) -> None:
    """Make rows of the cards of a held session: in an order that chance made, under new ids. Secrets and hashes go.

    Raises FewContributors where fewer than three people contributed to an anonymous session, unless `even_so`.
    """
    hidden = read(held)
    if hidden is None or not hidden.cards:
        raise ValidationError({"phase": "There are no cards yet, so there’s nothing to reveal."})
    count = len(hidden.contributors)
    if held.anonymous and count < FEWEST and not even_so:
        people = "one person" if count == 1 else f"{count} people"
        said = f"There are cards from {people} only, so they can’t be anonymous. Wait for more, or reveal them anyway."
        raise FewContributors({"even_so": said})
    CHANCE.shuffle(hidden.cards)
    titles = [each.key for each in columns_of(held.retrospective)]
    groups, cards, signatures = [], [], []
    for place, each in enumerate(hidden.cards):
        section = each.section if each.section in titles else titles[0]
        group = CardGroup(session=held, section=section, position=place)
        card = SessionCard(session=held, group=group, section=section, text=each.text)
        groups.append(group)
        cards.append(card)
        if each.by is not None and not held.anonymous:
            signatures.append(CardSignature(card=card, person_id=each.by))
    CardGroup.objects.bulk_create(groups)
    SessionCard.objects.bulk_create(cards)
    CardSignature.objects.bulk_create(signatures)
    HiddenCards.objects.filter(session=held).delete()
    held.contributors = count
    held.save(update_fields=["contributors"])
    transaction.on_commit(lambda: overwrite_versions(HiddenCards, "sealed"))


@transaction.atomic
def add_card(session: RetrospectiveSession, *, by: Actor, section: str, text: str, signed: bool = False) -> SessionCard:
    """Add a card after the reveal, signed. In an anonymous session a late card would show who wrote it, so there are none.

    `signed` says that the writer knows that.
    """
    check_in_browser(session, by)
    held = hold(session)
    if held.anonymous:
        raise ValidationError(
            "This session is anonymous, and a card written now would show who wrote it. Say it instead."
        )
    _check_signed(held, signed)
    if held.phase != RetrospectiveSession.Phase.GROUP:
        raise ValidationError("Cards can be added while people reflect and group. Ask the facilitator to go back.")
    if section not in {each.key for each in columns_of(held.retrospective)}:
        raise ValidationError(
            {"section": "This retrospective has no such section for cards. Choose one of its columns."}
        )
    if held.cards.count() >= MOST_CARDS:
        raise ValidationError({"text": f"This session has {MOST_CARDS} cards, which is the most."})
    text = checked_text(text)
    last = held.groups.order_by("-position").values_list("position", flat=True).first()
    group = CardGroup.objects.create(session=held, section=section, position=(last or 0) + 1)
    card = SessionCard.objects.create(session=held, group=group, section=section, text=text)
    CardSignature.objects.create(card=card, person=by)
    tell(held)
    return card


def checked_text(text: str) -> str:
    """Return the text of a card as it is kept. Raises ValidationError naming `text`."""
    text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise ValidationError({"text": "Write something first."})
    if len(text) > LONGEST_CARD:
        raise ValidationError(
            {"text": f"This has over {LONGEST_CARD:,} characters. Shorten it, or make two cards of it."}
        )
    return text


def _open(session: RetrospectiveSession, by: Actor) -> tuple[RetrospectiveSession, Hidden]:
    check_in_browser(session, by)
    held = hold(session)
    if held.phase != RetrospectiveSession.Phase.REFLECT:
        raise ValidationError(TOO_LATE)
    hidden = read(held)
    if hidden is None:
        hidden = Hidden(begun=True)
        RetrospectiveSession.objects.filter(pk=held.pk).update(cards_lost=True)
    return held, hidden


def _card_of(hidden: Hidden, secret: str) -> HiddenCard:
    digest = digest_of(secret)
    card = next((each for each in hidden.cards if hmac.compare_digest(each.digest, digest)), None)
    if card is None:
        raise ValidationError({"card": "This browser has no such card here. It may be removed already."})
    return card


def _check_signed(held: RetrospectiveSession, signed: bool) -> None:
    if not held.anonymous and not signed:
        raise ValidationError(
            "Cards of this session show who wrote them. Nothing was saved. Reload the page, and write it if you still want to."
        )
