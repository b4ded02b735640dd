"""Roles: what readers see of people whom a retrospective mentions, as “the on-call engineer”.

Writers write @names. Where a name has a role in this retrospective, sections and timeline entries keep what was written
for those who write (`written`), and what everybody else reads has the words of the role: pages, the search, feeds and exports
read that and know nothing of names.
"""

import re
from collections.abc import Iterable, Mapping

from django.core.exceptions import ValidationError

from portal.accounts.models import User
from portal.kernel import markdown
from portal.kernel.actors import Anyone
from squads.discussions.queries import mentioned_people
from squads.retrospectives.models import Retrospective, RetrospectiveRole

# What is offered to begin with. Others are offered again in the squad's next retrospectives.
ROLES = (
    "the on-call engineer",
    "the incident commander",
    "the scribe",
    "the liaison",
    "the reviewer",
    "the author of the change",
    "the release manager",
    "the product owner",
    "a support engineer",
    "a customer",
)
LONGEST_ROLE = 60
MOST_OFFERED = 100
HANDLE = re.compile(r"\w[\w.+@-]{0,149}")
# Words, and nothing that Markdown or a mention could be made of.
WORDS = re.compile(r"[^\W_](?:[^\W_]|[ '’/,-])*")


def checked_role(handle: str, words: str, field: str) -> str:
    """Return the words of a role as they are kept; none for somebody who is named. Raises ValidationError naming the field."""
    if not HANDLE.fullmatch(handle) or handle != handle.lower():
        raise ValidationError({field: f"“{handle[:50]}” isn’t a user name in small letters."})
    words = " ".join(words.replace("\0", "").split())
    if len(words) > LONGEST_ROLE:
        raise ValidationError({field: f"This has over {LONGEST_ROLE} characters. Shorten it."})
    if words and not WORDS.fullmatch(words):
        raise ValidationError({field: "Use letters, digits, spaces and hyphens, as in: the on-call engineer."})
    return words


def roles_of(row: Retrospective) -> dict[str, str]:
    """Return the roles in a retrospective, by user name in small letters."""
    return dict(row.roles.order_by("handle").values_list("handle", "words"))


def mentioned(row: Retrospective) -> dict[str, User]:
    """Return the people whom a retrospective mentions, by user name in small letters: those who can sign in."""
    entries = row.timeline.exclude(written={}) | row.timeline.filter(text__contains="@")
    entries |= row.timeline.filter(note__contains="@")
    texts = [each.source(name) for each in entries for name in ("text", "note")]
    return mentioned_people([*(each.source("text") for each in row.sections.all()), *texts])


def offered(row: Retrospective, reader: Anyone, begins: str = "") -> list[str]:
    """Return the roles that writers can choose from: ours, and those in what this person can read of the squad."""
    readable = Retrospective.objects.readable_by(reader).filter(squad=row.squad_id).values("pk")
    own = RetrospectiveRole.objects.filter(retrospective__in=readable).order_by("words").values_list("words", flat=True)
    every = dict.fromkeys([*ROLES, *own.distinct()[:MOST_OFFERED]])
    begins = begins.lower().strip()
    return [each for each in every if not begins or any(word.startswith(begins) for word in each.lower().split())]


def told(row: Retrospective) -> str:
    """Return what to tell whoever saved: whom readers see by role, and whom by name."""
    roles, people = roles_of(row), mentioned(row)
    by_role = [f"@{name} as {roles[name]}" for name in people if name in roles]
    by_name = [person.name for name, person in people.items() if name not in roles]
    says = [f"Readers see {_listed(by_role)}."] if by_role else []
    if by_name:
        says.append(f"Readers see {_listed(by_name)} by name. You can choose a role below the text.")
    return " ".join(says)


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def in_roles(text: str, roles: Mapping[str, str]) -> str:
    """Return a text as readers see it: the words of a role where it mentions somebody who has one."""
    return markdown.replace_people(text, roles) if roles and "@" in text else text
