"""Applying the current mapping rules to a batch of events, and recording the names that the events use."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.db.models import Q, QuerySet

from portal.kernel.stable_ids import stable_id
from releases.environments.actions import environment_named
from releases.environments.models import Environment
from releases.inbox.models import Fact, InboundEvent
from releases.mappings import engine
from releases.mappings.models import MappingRule, SeenName
from releases.providers.facts import EnvironmentSeen, Seen


def as_rule(rule: MappingRule) -> engine.Rule:
    """Return a rule of the database as the engine takes it."""
    return engine.Rule(
        kind=rule.kind,
        pattern=rule.pattern,
        role=rule.role,
        service=rule.service,
        environment=rule.environment,
        tier=rule.tier,
        severity=rule.severity,
        source=rule.source_id,
    )


def current_rules() -> engine.RuleSet:
    """Return all rules in their order. One query."""
    return engine.RuleSet([as_rule(rule) for rule in MappingRule.objects.order_by("order", "pk")])


# The field of a fact that no rule changed which holds a name, by kind of name.
NAME_FIELDS = {
    "service": "service",
    "environment": "environment",
    "pipeline": "pipeline",
    "job": "job",
    "alert": "title",
}
KINDS_WITH_NAMES = ("run", "deployment", "acceptance", "signal", "incident", "flag", "environment", "left_out")


def facts_using(kind: str, names: Iterable[str]) -> "QuerySet[Fact]":
    """Return the facts whose events use any of these names, whatever rules mapped them to."""
    wanted = list(names)
    unmapped = Q(**{f"data__{NAME_FIELDS[kind]}__in": wanted}) & ~Q(data__has_key="said")
    mapped = Q(**{f"data__said__{kind}__in": wanted})
    if kind == "environment":
        unmapped |= Q(kind="environment", key__in=wanted) & ~Q(data__has_key="said")
    if kind == "pipeline":
        # A rule may name a job, or the folder that it is in.
        for name in wanted:
            unmapped |= (Q(data__job=name) | Q(data__job__startswith=f"{name}/")) & ~Q(data__has_key="said")
            mapped |= Q(data__said__job=name) | Q(data__said__job__startswith=f"{name}/")
    return Fact.objects.filter(unmapped | mapped, kind__in=KINDS_WITH_NAMES)


def _as_known(fact: Seen) -> Seen:
    """Return a fact about an environment under the spelling by which the environment is known, so that all are about one."""
    if not isinstance(fact, EnvironmentSeen):
        return fact
    known = Environment.objects.find(fact.key)
    if known is None or known.key == fact.key:
        return fact
    return replace(fact, key=known.key, original_names=fact.original_names or (("environment", fact.key),))


@dataclass(slots=True)
class FactMapper:
    """Maps the facts of one batch of events, and collects the names that they use, which are saved at its end."""

    rules: engine.RuleSet = field(default_factory=current_rules)
    names: dict[tuple[int, str, str, str], InboundEvent] = field(default_factory=dict)
    # The names that events which were read before use this time.
    names_of_replayed: dict[UUID, set[tuple[str, str]]] = field(default_factory=dict)

    def begin(self, event: InboundEvent) -> None:
        """Note that an event is read; one that was read before may use fewer names this time."""
        if event.attempts:
            self.names_of_replayed[event.pk] = set()

    def map_facts(self, event: InboundEvent, facts: Iterable[Seen]) -> list[Seen]:
        """Return an event's facts with the rules applied. Environments to which a rule gives a tier are created with it."""
        result = engine.apply_rules(facts, self.rules, event.source_id)
        if event.pk in self.names_of_replayed:
            self.names_of_replayed[event.pk] = result.names
        for kind, name in result.names:
            use = (event.source_id, event.source.key, kind, name)
            known = self.names.setdefault(use, event)
            if (event.received_at, event.pk) < (known.received_at, known.pk):
                self.names[use] = event
        for name, tier in sorted(result.tiers.items()):
            environment_named(name, tier)
        return [_as_known(fact) for fact in result.facts]

    def save_names(self) -> None:
        """Save names that are new, and delete those that no event uses any more."""
        self._forget_unused_names()
        rows = {
            stable_id("name", key, kind, name): SeenName(source_id=source, kind=kind, name=name, event=event)
            for (source, key, kind, name), event in self.names.items()
        }
        if not rows:
            return
        known = SeenName.objects.filter(pk__in=rows).values_list("pk", "event__received_at", "event_id")
        present = {pk: (received, event) for pk, received, event in known}
        for pk, row in rows.items():
            row.pk = pk
            # The example is the event received first, whatever the order they are read in.
            if pk in present and (row.event.received_at, row.event.pk) < present[pk]:
                SeenName.objects.filter(pk=pk).update(event=row.event)
        fresh = [row for pk, row in sorted(rows.items()) if pk not in present]
        if fresh:
            SeenName.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=1000)

    def _forget_unused_names(self) -> None:
        """Give each name that its example event no longer uses another example, or delete it."""
        if not self.names_of_replayed:
            return
        for row in SeenName.objects.filter(event__in=self.names_of_replayed):
            if (row.kind, row.name) in self.names_of_replayed[row.event_id]:
                continue
            others = (
                facts_using(row.kind, [row.name])
                .filter(event__source=row.source_id)
                .exclude(event__in=self.names_of_replayed)
            )
            other = others.order_by("event__received_at", "event_id").values_list("event_id", flat=True).first()
            if other is None:
                row.delete()
            else:
                SeenName.objects.filter(pk=row.pk).update(event=other)
