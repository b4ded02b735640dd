"""What repositories are called, and which of those that are known a name means."""

import re

from django.db.models import Q

from releases.pipelines.models import Repository

SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://(?:[^/@]*@)?|^[^/@:]+@(?=[^/]+:)", re.IGNORECASE)
UNNAMED = "unnamed"


def plain_name(text: str) -> str:
    """Return how a repository is called without scheme, user, port sign and .git: git@host:shop/web.git → host/shop/web."""
    stripped = SCHEME.sub("", text.strip())
    if stripped != text.strip() and "://" not in text:
        stripped = stripped.replace(":", "/", 1)
    return stripped.strip("/").removesuffix(".git").strip("/")[:250]


def repository_known(text: str) -> Repository | None:
    """Return the repository that a name or address means, if it is known.

    shop/web also means the one repository that people connected or claimed whose key ends in /shop/web, and the other way
    round. What only events named is never taken for another: the answer must not depend on which event came first.
    """
    name = plain_name(text) or UNNAMED
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
    return Repository.objects.filter(key__iexact=name).order_by("pk").first()
