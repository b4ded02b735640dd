"""Unmapped names of outside systems: those that no rule or owner gives a meaning. A fixed number of queries."""

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from portal.kernel.names import fold_name
from releases.deployments.models import AcceptanceRun, Deployment
from releases.environments.models import Environment
from releases.incidents.models import Alert, IncidentReport
from releases.mappings import engine
from releases.mappings.fact_mapper import current_rules
from releases.mappings.models import SeenName
from releases.mappings.twins import twins
from releases.pipelines.models import Repository, RepositoryPart, Run
from squads.models import Service, Squad

KINDS = {
    "pipeline": ("pipelines", "No rule for these yet, so they count as CI."),
    "environment": (
        "environments",
        "Their tier is unknown, or guessed as production and not confirmed.",
    ),
    "service": ("services", "Discovered in events, without an owner."),
    "repository": ("repositories", "They have no service yet."),
    "twin": (
        "spelled alike",
        "Their names differ only in upper and lower case. Merge them to join their history.",
    ),
    "alert": ("alerts", "No rule for these yet, so they aren’t incidents."),
}
NOUNS = {
    "pipeline": "pipeline",
    "environment": "environment",
    "service": "service",
    "repository": "repository",
    "twin": "twin",
    "alert": "alert",
}
# At most this many of one kind are listed: whoever has more writes rules with patterns first.
LIMIT_PER_KIND = 2000
CHOICES_LIMIT = 500
GUESS = "production?, unconfirmed"
LOOKS_LIKE_DEPLOYMENT = re.compile(r"deploy|release|promot|rollout|roll-out|prod", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Unmapped:
    """One unmapped name. `id` is its row's id on the page; `event` is one that used it."""

    kind: str
    name: str
    id: str
    source: str = ""
    source_name: str = ""
    event: UUID | None = None
    hint: str = ""
    same_as: str = ""

    @property
    def noun(self) -> str:
        """What kind of thing it is."""
        return self.source if self.kind == "twin" else NOUNS[self.kind]


@dataclass(slots=True)
class UnmappedByKind:
    """Unmapped names by kind; `more` holds the kinds with more than LIMIT_PER_KIND of them."""

    rows: dict[str, list[Unmapped]] = field(default_factory=dict)
    more: set[str] = field(default_factory=set)

    def of(self, kind: str) -> list[Unmapped]:
        """Return the rows of one kind, or of all of them in the order of KINDS."""
        return self.rows.get(kind, []) if kind else [row for each in KINDS for row in self.rows.get(each, ())]


def all_unmapped() -> UnmappedByKind:
    """Return all unmapped names. A fixed number of queries, however many there are."""
    rules = current_rules()
    result = UnmappedByKind()
    for kind, rows in (
        ("repository", _repositories()),
        ("service", _services(rules)),
        ("environment", _environments(rules)),
        ("twin", _twins()),
        *_pipelines_and_alerts(rules).items(),
    ):
        result.rows[kind] = rows[:LIMIT_PER_KIND]
        if len(rows) > LIMIT_PER_KIND:
            result.more.add(kind)
    return result


def _repositories() -> list[Unmapped]:
    rows = Repository.objects.filter(service=None).exclude(
        Exists(RepositoryPart.objects.filter(repository=OuterRef("pk")))
    )
    return [
        Unmapped("repository", key, f"repository-{pk}")
        for pk, key in rows.order_by("key").values_list("pk", "key")[: LIMIT_PER_KIND + 1]
    ]


def _services(rules: engine.RuleSet) -> list[Unmapped]:
    def used(model: Any) -> Exists:
        return Exists(model.objects.filter(service=OuterRef("pk")))

    # A service that a rule renamed stays as a row that nothing refers to.
    rows = (
        Service.objects.unmerged()
        .filter(squad=None)
        .filter(
            Q(used(Deployment))
            | Q(used(Run))
            | Q(used(AcceptanceRun))
            | Q(used(IncidentReport))
            | Q(used(Alert))
            | Q(used(Repository))
            | Q(discovered=False)
        )
    )
    return [
        Unmapped("service", name, f"service-{pk}")
        for pk, name in rows.order_by("name").values_list("pk", "name")[: LIMIT_PER_KIND + 1]
        if not _renamed(rules, "service", name)
    ]


def _environments(rules: engine.RuleSet) -> list[Unmapped]:
    """Return those whose tier nobody knows or confirmed; a guessed production comes first, since answers rest on it."""
    asked = (Environment.Tier.PRODUCTION, Environment.Tier.OTHER)
    rows = Environment.objects.unmerged().filter(tier_confirmed=False, tier__in=asked, gone_at__isnull=True)
    listed = rows.order_by("key").values_list("pk", "key", "tier")[: LIMIT_PER_KIND + 1]
    found = [
        Unmapped("environment", key, f"environment-{pk}", hint=GUESS if tier == Environment.Tier.PRODUCTION else "")
        for pk, key, tier in listed
        if not _renamed(rules, "environment", key)
    ]
    return sorted(found, key=lambda row: not row.hint)


def _twins() -> list[Unmapped]:
    """Return what is spelled like another; `source` says of which kind it is, `same_as` what it is merged into."""
    return [
        Unmapped(
            "twin",
            twin.name,
            f"twin-{twin.kind}-{twin.id}",
            twin.kind,
            hint=f"like {twin.same_as}",
            same_as=twin.same_as,
        )
        for twin in islice(twins(), LIMIT_PER_KIND + 1)
    ]


def _renamed(rules: engine.RuleSet, kind: str, name: str) -> bool:
    """Say whether a rule for every source maps this name to another one, or leaves it out."""
    found = rules.find(kind, name)
    if found is None:
        return False
    other = found.service if kind == "service" else found.environment
    return (
        found.rule.role == engine.IGNORED
        or fold_name(other) not in ("", fold_name(name))
        or found.rule.tier == Environment.Tier.OTHER
    )


def _pipelines_and_alerts(rules: engine.RuleSet) -> dict[str, list[Unmapped]]:
    """Return the pipelines and alerts that no rule matches; pipelines that look like deployments come first."""
    seen = SeenName.objects.filter(kind__in=("pipeline", "alert")).order_by("kind", "name", "source__name")
    rows: dict[str, list[Unmapped]] = {"pipeline": [], "alert": []}
    columns = ("pk", "kind", "name", "source_id", "source__key", "source__name", "event_id")
    for pk, kind, name, source, key, source_name, event in seen.values_list(*columns).iterator(chunk_size=2000):
        if _has_rule(rules, kind, name, source):
            continue
        hint = "looks like a deployment" if kind == "pipeline" and LOOKS_LIKE_DEPLOYMENT.search(name) else ""
        if hint or len(rows[kind]) <= LIMIT_PER_KIND:
            rows[kind].append(Unmapped(kind, name, f"{kind}-{pk}", key, source_name, event, hint))
    rows["pipeline"].sort(key=lambda row: not row.hint)
    return rows


def _has_rule(rules: engine.RuleSet, kind: str, name: str, source: int) -> bool:
    """Say whether a rule matches; for an alert, a rule of any severity counts."""
    if kind != engine.ALERT:
        return rules.find(kind, name, source) is not None
    candidates = (rule for rule in rules.rules if rule.kind == kind and rule.source in (None, source))
    return any(engine.matching_names(rule, [name]) for rule in candidates)


def choices() -> dict[str, list[Any]]:
    """Return what the fields of a row offer: squads, and the names of services and environments."""
    return {
        "squads": list(Squad.objects.order_by("name").values_list("slug", "name")[:CHOICES_LIMIT]),
        "services": list(Service.objects.unmerged().order_by("name").values_list("name", flat=True)[:CHOICES_LIMIT]),
        "environments": list(
            Environment.objects.unmerged().order_by("order", "key").values_list("key", flat=True)[:CHOICES_LIMIT]
        ),
    }
