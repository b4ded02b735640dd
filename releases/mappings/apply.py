"""The mapping rules in force, and the names that events use before any rule."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q, QuerySet

from portal.kernel.stable_ids import stable_id
from releases.environments.actions import environment_named
from releases.inbox.models import Fact, InboundEvent
from releases.mappings import rules as mappings_rules
from releases.mappings.models import MappingRule, SeenName
from releases.providers.facts import Seen


def plain(rule: MappingRule) -> mappings_rules.Rule:
    """Return a rule as the engine knows it."""
    return mappings_rules.Rule(
        kind=rule.kind,
        pattern=rule.pattern,
        role=rule.role,
        service=rule.service,
        environment=rule.environment,
        tier=rule.tier,
        severity=rule.severity,
        source=rule.source_id,
    )


def in_force() -> mappings_rules.Rules:
    """Return all rules, in their order. One query."""
    return mappings_rules.Rules([plain(rule) for rule in MappingRule.objects.order_by("order", "pk")])


# Where a fact that no rule affected holds a name, by kind of name.
HOLDS = {"service": "service", "environment": "environment", "pipeline": "pipeline", "alert": "title"}
SPEAK = ("run", "deployment", "acceptance", "signal", "incident", "flag", "environment", "left_out")


def using(kind: str, names: Iterable[str]) -> "QuerySet[Fact]":
    """Return the facts whose events use any of these names, whatever rules made of them."""
    wanted = list(names)
    plainly = Q(**{f"data__{HOLDS[kind]}__in": wanted}) & ~Q(data__has_key="said")
    if kind == "environment":
        plainly |= Q(kind="environment", key__in=wanted) & ~Q(data__has_key="said")
    return Fact.objects.filter(plainly | Q(**{f"data__said__{kind}__in": wanted}), kind__in=SPEAK)


@dataclass(slots=True)
class Reading:
    """The rules while one batch of events is read, and the names seen meanwhile, kept together at its end."""

    rules: mappings_rules.Rules = field(default_factory=in_force)
    names: dict[tuple[int, str, str, str], InboundEvent] = field(default_factory=dict)
    # What events that were read before say this time.
    again: dict[UUID, set[tuple[str, str]]] = field(default_factory=dict)

    def begin(self, event: InboundEvent) -> None:
        """Note that an event is read; one that was read before may say less this time."""
        if event.attempts:
            self.again[event.pk] = set()

    def mapped(self, event: InboundEvent, facts: Iterable[Seen]) -> list[Seen]:
        """Return what an event's facts mean here. An environment that a rule gives a tier is made with it."""
        done = mappings_rules.apply(facts, self.rules, event.source_id)
        if event.pk in self.again:
            self.again[event.pk] = done.names
        for kind, name in done.names:
            use = (event.source_id, event.source.key, kind, name)
            known = self.names.setdefault(use, event)
            if (event.received_at, event.pk) < (known.received_at, known.pk):
                self.names[use] = event
        for name, tier in sorted(done.tiers.items()):
            environment_named(name, tier)
        return done.facts

    def keep_names(self) -> None:
        """Write down the names that were not known yet, and forget those that nothing says any more."""
        self._forget_names()
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

    def _forget_names(self) -> None:
        """Give each name whose example says it no more another example, or let it go."""
        if not self.again:
            return
        for row in SeenName.objects.filter(event__in=self.again):
            if (row.kind, row.name) in self.again[row.event_id]:
                continue
            others = using(row.kind, [row.name]).filter(event__source=row.source_id).exclude(event__in=self.again)
            other = others.order_by("event__received_at", "event_id").values_list("event_id", flat=True).first()
            if other is None:
                row.delete()
            else:
                SeenName.objects.filter(pk=row.pk).update(event=other)
