"""What is unmapped: names of outside systems that nobody has given a meaning here. A fixed number of queries."""

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from releases.deployments.models import AcceptanceRun, Deployment
from releases.environments.models import Environment
from releases.incidents.models import Alert, Incident
from releases.mappings import rules as mappings_rules
from releases.mappings.apply import in_force
from releases.mappings.models import SeenName
from releases.pipelines.models import Repository, RepositoryPart, Run
from squads.models import Service, Squad

KINDS = {
    "pipeline": ("pipelines", "No rule says what they do, so they count as CI."),
    "environment": ("environments", "Their tier is other, so nothing that happens there is evidence."),
    "service": ("services", "Events named them, and no squad owns them."),
    "repository": ("repositories", "No service is made from them."),
    "alert": ("alerts", "No rule says whether they are incidents, so they are none."),
}
NAMES = {
    "pipeline": "pipeline",
    "environment": "environment",
    "service": "service",
    "repository": "repository",
    "alert": "alert",
}
# So many of one kind are looked at: who has more writes rules with patterns first.
MOST = 2000
CHOICES = 500
DEPLOYS = re.compile(r"deploy|release|promot|rollout|roll-out|prod", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Unmapped:
    """One name that means nothing here yet. `id` tells rows apart on a page; `event` is one that used it."""

    kind: str
    name: str
    id: str
    source: str = ""
    source_name: str = ""
    event: UUID | None = None
    hint: str = ""

    @property
    def noun(self) -> str:
        """What kind of thing it is."""
        return NAMES[self.kind]


@dataclass(slots=True)
class Everything:
    """All that is unmapped, by kind; `more` names the kinds of which there is more than MOST."""

    rows: dict[str, list[Unmapped]] = field(default_factory=dict)
    more: set[str] = field(default_factory=set)

    def of(self, kind: str) -> list[Unmapped]:
        """Return the rows of one kind, or of all of them in the order of KINDS."""
        return self.rows.get(kind, []) if kind else [row for each in KINDS for row in self.rows.get(each, ())]


def everything() -> Everything:
    """Return all that is unmapped. Five queries, however much there is."""
    rules = in_force()
    done = Everything()
    for kind, rows in (
        ("repository", _repositories()),
        ("service", _services(rules)),
        ("environment", _environments(rules)),
        *_names(rules).items(),
    ):
        done.rows[kind] = rows[:MOST]
        if len(rows) > MOST:
            done.more.add(kind)
    return done


def _repositories() -> list[Unmapped]:
    rows = Repository.objects.filter(service=None).exclude(
        Exists(RepositoryPart.objects.filter(repository=OuterRef("pk")))
    )
    return [
        Unmapped("repository", key, f"repository-{pk}")
        for pk, key in rows.order_by("key").values_list("pk", "key")[: MOST + 1]
    ]


def _services(rules: mappings_rules.Rules) -> list[Unmapped]:
    def used(model: Any) -> Exists:
        return Exists(model.objects.filter(service=OuterRef("pk")))

    # One that a rule renamed stays behind, with nothing to it.
    rows = Service.objects.filter(squad=None).filter(
        Q(used(Deployment))
        | Q(used(Run))
        | Q(used(AcceptanceRun))
        | Q(used(Incident))
        | Q(used(Alert))
        | Q(used(Repository))
        | Q(discovered=False)
    )
    return [
        Unmapped("service", name, f"service-{pk}")
        for pk, name in rows.order_by("name").values_list("pk", "name")[: MOST + 1]
        if not _renamed(rules, "service", name)
    ]


def _environments(rules: mappings_rules.Rules) -> list[Unmapped]:
    rows = Environment.objects.filter(discovered=True, tier=Environment.Tier.OTHER, gone_at__isnull=True)
    return [
        Unmapped("environment", key, f"environment-{pk}")
        for pk, key in rows.order_by("key").values_list("pk", "key")[: MOST + 1]
        if not _renamed(rules, "environment", key)
    ]


def _renamed(rules: mappings_rules.Rules, kind: str, name: str) -> bool:
    """Say whether a rule for every source gives this name up for another one, or leaves it out."""
    found = rules.find(kind, name)
    if found is None:
        return False
    other = found.service if kind == "service" else found.environment
    return (
        found.rule.role == mappings_rules.IGNORED
        or other not in ("", name)
        or found.rule.tier == Environment.Tier.OTHER
    )


def _names(rules: mappings_rules.Rules) -> dict[str, list[Unmapped]]:
    """Return the pipelines and alerts that no rule fits; pipelines that look like deployments come first."""
    seen = SeenName.objects.filter(kind__in=("pipeline", "alert")).order_by("kind", "name", "source__name")
    rows: dict[str, list[Unmapped]] = {"pipeline": [], "alert": []}
    columns = ("pk", "kind", "name", "source_id", "source__key", "source__name", "event_id")
    for pk, kind, name, source, key, called, event in seen.values_list(*columns).iterator(chunk_size=2000):
        if _has_rule(rules, kind, name, source):
            continue
        hint = "looks like a deployment" if kind == "pipeline" and DEPLOYS.search(name) else ""
        if hint or len(rows[kind]) <= MOST:
            rows[kind].append(Unmapped(kind, name, f"{kind}-{pk}", key, called, event, hint))
    rows["pipeline"].sort(key=lambda row: not row.hint)
    return rows


def _has_rule(rules: mappings_rules.Rules, kind: str, name: str, source: int) -> bool:
    """Say whether a rule fits; for an alert, one of any severity does."""
    if kind != mappings_rules.ALERT:
        return rules.find(kind, name, source) is not None
    concerned = (rule for rule in rules.rules if rule.kind == kind and rule.source in (None, source))
    return any(mappings_rules.fits(rule, [name]) for rule in concerned)


def choices() -> dict[str, list[Any]]:
    """Return what a row may be given: squads, and the names of services and environments."""
    return {
        "squads": list(Squad.objects.order_by("name").values_list("slug", "name")[:CHOICES]),
        "services": list(Service.objects.order_by("name").values_list("name", flat=True)[:CHOICES]),
        "environments": list(Environment.objects.order_by("order", "key").values_list("key", flat=True)[:CHOICES]),
    }
