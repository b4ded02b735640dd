"""Who always has to approve: from what people write to what is kept, and back to words.

Kept is whom an approval is asked of (`Approval.asked_of`, such as person:12 or leads:3), so that a new name changes nothing.
"""

import re
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from portal.kernel.one_query import Asked, number, text, together
from releases.approvals.models import Approval
from squads.acceptance.queries import name_of
from squads.models import Squad

Kind = Approval.Kind
ROLES = {"project managers": Kind.MANAGERS, "administrators": Kind.ADMINISTRATORS}
OF_SQUADS = (Kind.MEMBERS, Kind.LEADS, Kind.ACCEPTERS)
KEY = re.compile(rf"({'|'.join(Kind.values)}):([0-9]{{0,18}})")
OF_SQUAD = re.compile(rf"(?:any )?({'|'.join(each.removesuffix('s') for each in OF_SQUADS)})s? of (.+)", re.IGNORECASE)
HELP = "Enter a user name, “project managers”, “administrators”, or “leads of Payments” (members, accepters)."


def keys_of(written: Iterable[str]) -> list[str]:
    """Return whom these texts mean, as it is kept. Raises ValidationError with the first that means nobody."""
    return list(dict.fromkeys(_key_of(each.strip()) for each in written))


def _key_of(written: str) -> str:
    if KEY.fullmatch(written) and words_of([written]):
        return written
    role = ROLES.get(written.casefold().removeprefix("any ").rstrip("s") + "s")
    if role is not None:
        return f"{role}:"
    if match := OF_SQUAD.fullmatch(written):
        squads = Squad.objects.active()
        # The name comes first, because it is what is shown: a squad's name may be another one's slug.
        called = (squads.filter(**{how: match[2]}).first() for how in ("name", "name__iexact", "slug"))
        squad = next(filter(None, called), None)
        if squad is not None:
            return f"{match[1].lower()}s:{squad.pk}"
    people = _people().filter(is_active=True)
    found = people.filter(username__iexact=written).first()
    if found is None and people.filter(called__iexact=written).count() == 1:
        found = people.get(called__iexact=written)
    if found is None:
        raise ValidationError(f"There’s no “{written[:60]}” here. {HELP}")
    return f"{Kind.PERSON}:{found.pk}"


def _people() -> "QuerySet[Any]":
    return get_user_model().objects.filter(program_of=None).annotate(called=name_of())


def words_of(keys: Iterable[str]) -> dict[str, str]:
    """Return who each of these is, in words that `keys_of` reads too; one query at most. Who is gone, can't
    sign in any more or is archived isn't in it: nobody could ask them."""
    parts = {each: (match[1], int(match[2] or 0)) for each in keys if (match := KEY.fullmatch(each))}
    people = [pk for kind, pk in parts.values() if kind == Kind.PERSON]
    squads = [pk for kind, pk in parts.values() if kind in OF_SQUADS]
    named: dict[tuple[bool, int], str] = {}
    if people or squads:
        persons, rows = together(
            [
                Asked(_people().filter(pk__in=people, is_active=True), {"pk": number, "username": text}),
                Asked(Squad.objects.active().filter(pk__in=squads), {"pk": number, "name": text}),
            ]
        )
        named = {(True, pk): name for pk, name in persons} | {(False, pk): name for pk, name in rows}
    roles = {role: words for words, role in ROLES.items()}
    found = {}
    for key, (kind, pk) in parts.items():
        name = named.get((kind == Kind.PERSON, pk), "")
        if kind in roles or name:
            found[key] = roles.get(Kind(kind)) or (name if kind == Kind.PERSON else f"{kind} of {name}")
    return found
