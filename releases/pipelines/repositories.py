"""Finding the repository that a name or address means."""

import re

from django.db.models import Q

from releases.pipelines.models import Repository

SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://(?:[^/@]*@)?|^[^/@:]+@(?=[^/]+:)", re.IGNORECASE)
UNNAMED = "unnamed"


def repository_key(text: str) -> str:
    """Return a name or address without scheme, user, colon and .git: git@host:shop/web.git becomes host/shop/web."""
    stripped = SCHEME.sub("", text.strip())
    if stripped != text.strip() and "://" not in text:
        stripped = stripped.replace(":", "/", 1)
    return stripped.strip("/").removesuffix(".git").strip("/")[:250]


def is_same_name(one: str, other: str) -> bool:
    """Say whether two names or addresses mean one repository as far as they tell: shop/web and git.example/shop/web do."""
    ours, theirs = (f"/{repository_key(each).lower()}" for each in (one, other))
    return ours.endswith(theirs) or theirs.endswith(ours)


def find_repository(text: str) -> Repository | None:
    """Return the known repository that a name or address means, or None.

    shop/web also matches the one repository that people connected or claimed whose key ends in /shop/web, and the other way
    round. A repository that only events named matches its exact key only, so that the order of events does not matter.
    """
    name = repository_key(text) or UNNAMED
    owned = Repository.objects.filter(Q(service__isnull=False) | Q(sources__isnull=False)).distinct()
    exact = owned.filter(key__iexact=name).first()
    if exact is not None:
        return exact
    if "/" in name:
        longer = list(owned.filter(key__iendswith=f"/{name}")[:2])
        if len(longer) == 1:
            return longer[0]
        parts = name.split("/")
        for start in range(1, len(parts) - 1):
            shorter = owned.filter(key__iexact="/".join(parts[start:])).first()
            if shorter is not None:
                return shorter
    return Repository.objects.filter(key__iexact=name).order_by("pk").first()


def get_or_create_repository(text: str) -> Repository:
    """Return the repository that a name or address means; an unknown one is created, without a service."""
    return find_repository(text) or Repository.objects.get_or_create(key=repository_key(text) or UNNAMED)[0]
