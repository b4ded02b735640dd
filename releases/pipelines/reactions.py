"""Finding the repository an event means, and the stories a change names."""

import re
from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from releases.pipelines.keys import keys_in, keys_in_name
from releases.pipelines.models import Repository, StoryLink
from squads.models import Story

SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://(?:[^/@]*@)?|^[^/@:]+@(?=[^/]+:)", re.IGNORECASE)
MOST_KEYS = 20
# Names set keys off with other signs than sentences do.
NAMES = {StoryLink.Rule.BRANCH}


def plain_name(text: str) -> str:
    """Return how a repository is called without scheme, user, port sign and .git: git@host:shop/web.git → host/shop/web."""
    stripped = SCHEME.sub("", text.strip())
    if stripped != text.strip() and "://" not in text:
        stripped = stripped.replace(":", "/", 1)
    return stripped.strip("/").removesuffix(".git").strip("/")[:250]


def repository_named(text: str) -> Repository:
    """Return the repository that a name or address means, made (unclaimed) if nobody knows it.

    shop/web also means the one repository that people connected or claimed whose key ends in /shop/web, and the other way
    round. What only events named is never taken for another: the answer must not depend on which event came first.
    """
    name = plain_name(text) or "unnamed"
    people_s = Repository.objects.filter(Q(service__isnull=False) | Q(sources__isnull=False)).distinct()
    exact = people_s.filter(key__iexact=name).first()
    if exact is not None:
        return exact
    if "/" in name:
        longer = list(people_s.filter(key__iendswith=f"/{name}")[:2])
        if len(longer) == 1:
            return longer[0]
        parts = name.split("/")
        for start in range(1, len(parts) - 1):
            shorter = people_s.filter(key__iexact="/".join(parts[start:])).first()
            if shorter is not None:
                return shorter
    known = Repository.objects.filter(key__iexact=name).order_by("pk").first()
    return known or Repository.objects.get_or_create(key=name)[0]


def link_texts(change: UUID, texts: Iterable[tuple[str, str]]) -> None:
    """Link a change to every story that its (rule, text) pairs name. What a person decided stays as it is."""
    wanted: dict[str, str] = {}
    for rule, text in texts:
        for key in keys_in_name(text) if rule in NAMES else keys_in(text):
            wanted.setdefault(key, rule)
    keys = sorted(wanted)[:MOST_KEYS]
    present = {link.key: link for link in StoryLink.objects.filter(change=change, key__in=keys)}
    for key, link in present.items():
        # The message of a commit is the stronger reason; among an event's own reasons the first in its time counts.
        if link.person_id is None and link.rule not in (StoryLink.Rule.MESSAGE, wanted[key]):
            StoryLink.objects.filter(pk=link.pk).update(rule=wanted[key])
    stories = dict(Story.objects.filter(key__in=keys).values_list("key", "pk"))
    StoryLink.objects.bulk_create(
        [
            StoryLink(
                pk=StoryLink.identity_of(change, key),
                change_id=change,
                key=key,
                story_id=stories.get(key),
                rule=wanted[key],
            )
            for key in keys
            if key not in present
        ],
        ignore_conflicts=True,
    )
