"""What the runs of a service are called, for whoever says which of them count."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from releases.evidence.run_verdicts import NEVER, PROVING, REPEATING
from releases.evidence.service_history import repositories_of
from releases.pipelines.models import Run
from releases.providers import triggers
from squads.models import Service

NEWEST_RUNS = 500


@dataclass(slots=True)
class SeenPipeline:
    """A pipeline of a service: how its newest run ended, and when; what started its runs; and whether they count."""

    name: str
    outcome: str
    at: datetime | None
    started: list[str] = field(default_factory=list)
    counts: bool = False


def seen_pipelines(service: Service, required: Collection[str]) -> list[SeenPipeline]:
    """Return the pipelines of the newest runs of a service, by name. `required` are the names of its rule."""
    wanted = {name.casefold() for name in required}
    own = Q(repository__in=repositories_of(service.name)) | Q(service=service)
    rows = Run.objects.filter(own).newest_first().values_list("pipeline", "trigger", "outcome", "phase", "finished_at")
    found: dict[str, SeenPipeline] = {}
    for name, trigger, outcome, phase, at in rows[:NEWEST_RUNS]:
        seen = found.setdefault(name.casefold(), SeenPipeline(name, outcome or phase, at))
        word = triggers.NAMES.get(trigger, "")
        if word and word not in seen.started:
            seen.started.append(word)
        proves = trigger not in NEVER if wanted else trigger in (*PROVING, *REPEATING)
        seen.counts = seen.counts or (proves and (not wanted or name.casefold() in wanted))
    return sorted(found.values(), key=lambda seen: seen.name.casefold())


def never_seen(required: Collection[str], seen: Collection[SeenPipeline]) -> list[str]:
    """Return the names of a rule that none of the newest runs has: until one does, nothing new is integrated."""
    names = {each.name.casefold() for each in seen}
    return [name for name in required if name.casefold() not in names]
