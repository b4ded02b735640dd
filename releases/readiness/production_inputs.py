"""What production and its monitoring say: open incidents, which services are watched, and states of feature flags."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT

from portal.kernel.among import Among, Given
from portal.kernel.one_query import Asked, Together, identity, moment, number, text, truth
from releases.flags.models import FlagState
from releases.gates.facts import FlagFact, IncidentFact, LearningFact
from releases.inbox.models import InboundEvent, Source
from releases.incidents.models import PREFIX, Alert, Incident, IncidentReport
from releases.pulling.actions import BROKEN_AFTER
from releases.pulling.leases import PULLED_KINDS
from squads.models import Retrospective, Service
from squads.retrospectives.querysets import text_version
from squads.retrospectives.sections import KINDS

# Systems that are there to tell what is wrong (docs/adr/0055).
MONITORING = ("alertmanager", "sensu", "nagios", "pagerduty", "opsgenie")
INCIDENT = {
    "number": number,
    "title": text,
    "services__name": text,
    "environments__name": text,
    "environments__tier": text,
    "detected_at": moment,
    "declared_at": moment,
    "starts_at": moment,
}
ALERT = {
    "key": text,
    "title": text,
    "service__name": text,
    "environment__name": text,
    "environment__tier": text,
    "detected_at": moment,
    "declared_at": moment,
    "url": text,
}
FLAG = {
    "flag": text,
    "environment__key": text,
    "environment__tier": text,
    "environment__tier_confirmed": truth,
    "on": truth,
    "audience": text,
    "at": moment,
    "event__source_id": number,
    "event__received_at": moment,
}
LEARNING = {
    "service__name": text,
    "retrospective_id": identity,
    "retrospective__kind": text,
    "retrospective__squad__name": text,
    "retrospective__published_at": moment,
    "text_version": number,
}
SOURCE = {
    "pk": number,
    "key": text,
    "kind": text,
    "state": text,
    "failures": number,
    "address": text,
    "created_at": moment,
    "last_success_at": moment,
    "newest": moment,
}


@dataclass(frozen=True, slots=True)
class Heard:
    """A source: when it was last heard from, None where it never was, or is paused or broken; and since when it is connected."""

    key: str
    at: datetime | None
    since: datetime
    is_monitoring: bool
    # When it was last read completely; None for one that only sends.
    pulled_at: datetime | None = None


@dataclass(slots=True)
class ProductionInputs:
    """What is known, services by their pk."""

    incidents: list[IncidentFact] = field(default_factory=list)
    # When the last incident of a service in production ended.
    ended: dict[int, datetime] = field(default_factory=dict)
    sources: dict[int, Heard] = field(default_factory=dict)
    # The sources that ever told of an alert or incident of a service in production.
    told: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    flags: list[FlagFact] = field(default_factory=list)
    # When what tells of each flag was last heard from.
    flags_heard: dict[str, datetime] = field(default_factory=dict)
    # Retrospectives that everyone signed in may read, each with what it says of itself and without who read it.
    learnings: list[LearningFact] = field(default_factory=list)

    def watched(self, service: int, monitors: Collection[str]) -> tuple[datetime | None, datetime | None]:
        """Return when a source that watches a service was last heard from, and since when one watches it.

        Those watch it that told of it before, and those that a person said do.
        """
        ids = self.told.get(service, set())
        watching = [each for pk, each in self.sources.items() if each.at and (pk in ids or each.key in monitors)]
        if not watching:
            return None, None
        return max(each.at for each in watching if each.at), min(each.since for each in watching)


# What nobody classified and whose name says nothing may be production.
UNCLASSIFIED = Q(environment__tier="other", environment__tier_confirmed=False)


def _in_production(rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Leave those of an environment that is production or may be, and those that name no environment."""
    return rows.filter(Q(environment=None) | Q(environment__tier="production") | UNCLASSIFIED)


def _of_production(rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Leave incidents of which an environment is production or may be, and those that name no environment."""
    unclassified = Q(environments__tier="other", environments__tier_confirmed=False)
    return rows.filter(Q(environments=None) | Q(environments__tier="production") | unclassified)


def _surely_in_production(rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Leave those of an environment that somebody says is production, and those that name none: they count as production when
    they are open, too."""
    confirmed = Q(environment__tier="production", environment__tier_confirmed=True)
    return rows.filter(Q(environment=None) | confirmed)


def _sources() -> "QuerySet[Source]":
    newest = InboundEvent.objects.filter(source=OuterRef("pk")).order_by("-received_at").values("received_at")[:1]
    return Source.objects.annotate(newest=Subquery(newest), address=KT("config__url"))


def monitoring_sources() -> "QuerySet[Source]":
    """Return the sources that are there to tell what is wrong, by name, with when each last sent something."""
    return _sources().filter(kind__in=MONITORING).order_by("name", "pk")


def heard(source: Mapping[str, Any]) -> datetime | None:
    """Return when a source was last heard from, given its columns (SOURCE); None for one that is paused or broken."""
    if source["state"] != Source.State.ACTIVE or source["failures"] >= BROKEN_AFTER:
        return None
    moments = [source["newest"], source["last_success_at"] if _is_pulled(source) else None]
    return max((each for each in moments if each is not None), default=None)


def _is_pulled(source: Mapping[str, Any]) -> bool:
    return source["kind"] in PULLED_KINDS and bool(source["address"])


def production_inputs(
    services: Mapping[int, str], flags: Collection[str], learned: Collection[int] = ()
) -> ProductionInputs:
    """Read what is known of these services (pk and name) and flags, and the retrospectives about those in `learned`, in one
    query."""
    rows = TOLD.rows(services=sorted(services), flags=sorted(flags), learned=sorted(learned))
    found = ProductionInputs()
    found.incidents = [*_incidents(rows[0]), *(_alert(row) for row in rows[1])]
    found.ended = {pk: at for pk, at in rows[2] if at is not None}
    for source, service in (*rows[3], *rows[4]):
        found.told[service].add(source)
    for row in rows[5]:
        each = dict(zip(SOURCE, row, strict=True))
        at = heard(each)
        pulled = each["last_success_at"] if at is not None and _is_pulled(each) else None
        found.sources[each["pk"]] = Heard(each["key"], at, each["created_at"], each["kind"] in MONITORING, pulled)
    _add_flags(found, rows[6])
    found.learnings = _learnings(rows[7])
    return found


def _asked() -> list[Asked]:
    of_ours = Among(F("service"), Given("services"))
    ours = Q(of_ours) | Q(service=None)
    incidents = _of_production(
        Incident.objects.open().filter(Q(Among(F("services"), Given("services"))) | Q(services=None))
    )
    alerts = _in_production(Alert.objects.filter(ours, state=Alert.State.OPEN))
    # Those of an incident are told of with it.
    alerts = alerts.filter(is_incident=True, report=None).annotate(
        detected_at=F("opened_at"), declared_at=F("opened_at")
    )
    ended = _of_production(Incident.objects.real().filter(services=OuterRef("pk"), resolved_at__isnull=False))
    calm = Service.objects.filter(Among(F("pk"), Given("services"))).annotate(
        ended=Subquery(ended.order_by("-resolved_at").values("resolved_at")[:1])
    )
    told = [_surely_in_production(model.objects.filter(of_ours)) for model in (Alert, IncidentReport)]
    who = {"event__source_id": number, "service_id": number}
    return [
        Asked(incidents, INCIDENT),
        Asked(alerts, ALERT),
        Asked(calm, {"pk": number, "ended": moment}),
        *(Asked(each.distinct(), who) for each in told),
        Asked(_sources(), SOURCE),
        Asked(_newest_states(), FLAG),
        Asked(learnings_to_read(Among(F("service"), Given("learned"))), LEARNING),
    ]


TOLD = Together(_asked)


def learnings_to_read(services: Any) -> "QuerySet[Any]":
    """Return retrospectives with learnings that everyone signed in may read, once for each service that fits a condition."""
    public = Retrospective.objects.public().with_learnings().values("pk")
    rows = Retrospective.services.through._default_manager.filter(services, retrospective__in=public)
    return rows.annotate(text_version=text_version("retrospective"))


def _learnings(rows: Iterable[tuple[Any, ...]]) -> list[LearningFact]:
    """Return each retrospective once, with all of the services that were asked for."""
    names: dict[str, list[str]] = defaultdict(list)
    told: dict[str, tuple[Any, ...]] = {}
    for service, key, *said in rows:
        pk = str(key)
        names[pk].append(service)
        told[pk] = tuple(said)
    return [
        LearningFact(pk, KINDS[kind], squad, tuple(sorted(names[pk])), published, version)
        for pk, (kind, squad, published, version) in sorted(told.items())
    ]


def _incidents(rows: Iterable[tuple[Any, ...]]) -> list[IncidentFact]:
    """Return open incidents, once for each service: where one of several environments is classified, as in that one."""
    found: dict[tuple[str, str], IncidentFact] = {}
    for incident, title, service, environment, tier, detected, declared, starts in sorted(rows, key=str):
        key, classified = f"{PREFIX}-{incident}", tier != "other"
        known = found.get((key, service or ""))
        if known is None or (classified and not known.classified):
            since = detected or declared or starts
            found[key, service or ""] = IncidentFact(
                key, title, service or "", environment or "", since, classified, f"/incidents/{key}/"
            )
    return list(found.values())


def _alert(row: tuple[Any, ...]) -> IncidentFact:
    key, title, service, environment, tier, detected, declared, url = row
    return IncidentFact(key, title, service or "", environment or "", detected or declared, tier != "other", url)


def _newest_states() -> "QuerySet[FlagState]":
    """Return the newest state of each of these flags for each audience in each environment that is production or may be."""
    rows = _in_production(FlagState.objects.filter(Among(F("flag"), Given("flags")), environment__gone_at=None))
    newest = FlagState.objects.filter(
        flag=OuterRef("flag"), environment=OuterRef("environment"), audience=OuterRef("audience")
    )
    return rows.filter(pk=Subquery(newest.order_by("-at", "-pk").values("pk")[:1]))


def _add_flags(found: ProductionInputs, rows: list[tuple[Any, ...]]) -> None:
    received: dict[int, datetime] = {}
    for *_, source, at in rows:
        received[source] = max(at, received.get(source, at))
    by_flag: dict[str, list[datetime]] = defaultdict(list)
    for flag, environment, tier, confirmed, on, audience, at, source, _ in sorted(
        rows, key=lambda row: (*row[:2], row[5])
    ):
        found.flags.append(FlagFact(flag, environment, on, audience, at, confirmed and tier == "production"))
        known = found.sources.get(source)
        # A source that only sends is heard of a flag when it last told of one; it may be silent because nothing changed.
        by_flag[flag].append(known.pulled_at if known is not None and known.pulled_at else received[source])
    found.flags_heard = {flag: min(moments) for flag, moments in by_flag.items()}
