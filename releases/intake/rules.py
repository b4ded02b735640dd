"""The mapping rules in force, and the names that events use before any rule."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from portal.kernel.identity import identity
from releases.environments.actions import environment_named
from releases.intake.models import InboundEvent, MappingRule, SeenName
from releases.pipelines import mapping
from releases.pipelines.facts import Seen


def plain(rule: MappingRule) -> mapping.Rule:
    """Return a rule as the engine knows it."""
    return mapping.Rule(
        kind=rule.kind, pattern=rule.pattern, role=rule.role, service=rule.service, environment=rule.environment,
        tier=rule.tier, severity=rule.severity, source=rule.source_id,
    )  # fmt: skip


def in_force() -> mapping.Rules:
    """Return all rules, in their order. One query."""
    return mapping.Rules([plain(rule) for rule in MappingRule.objects.order_by("order", "pk")])


@dataclass(slots=True)
class Reading:
    """The rules while one batch of events is read, and the names seen meanwhile, kept together at its end."""

    rules: mapping.Rules = field(default_factory=in_force)
    names: dict[tuple[int, str, str, str], InboundEvent] = field(default_factory=dict)

    def mapped(self, event: InboundEvent, facts: Iterable[Seen]) -> list[Seen]:
        """Return what an event's facts mean here. An environment that a rule gives a tier is made with it."""
        done = mapping.apply(facts, self.rules, event.source_id)
        for kind, name in done.names:
            use = (event.source_id, event.source.key, kind, name)
            known = self.names.setdefault(use, event)
            if (event.received_at, event.pk) < (known.received_at, known.pk):
                self.names[use] = event
        for name, tier in sorted(done.tiers.items()):
            environment_named(name, tier)
        return done.facts

    def keep_names(self) -> None:
        """Write down the names that were not known yet."""
        rows = {
            identity("name", key, kind, name): SeenName(source_id=source, kind=kind, name=name, event=event)
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
