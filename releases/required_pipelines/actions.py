"""The rule of a service: which pipelines must be green before a commit counts as integrated."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from portal.kernel.text_input import plain
from releases.pipelines.models import RequiredPipelines
from squads.events import ServiceChanged
from squads.models import Service

MOST_PIPELINES = 20
LONGEST_NAME = 250


@transaction.atomic
def require_pipelines(service: Service, names: Iterable[str], *, by: Actor) -> list[str]:
    """Make these the pipelines that must be green, each named as its runs name it; none removes the rule.

    Returns the names as they are kept. All evidence of the service is derived again. Raises ValidationError for `pipelines`.
    """
    Service.objects.select_for_update().get(pk=service.pk)
    wanted = list({name.casefold(): name for each in names if (name := plain(each))}.values())
    if len(wanted) > MOST_PIPELINES:
        raise ValidationError({"pipelines": f"Enter at most {MOST_PIPELINES} pipelines."})
    if any(len(name) > LONGEST_NAME for name in wanted):
        raise ValidationError({"pipelines": f"Pipeline names can have up to {LONGEST_NAME} characters."})
    rule = RequiredPipelines.objects.filter(service=service).first()
    before = rule.names if rule else []
    if before == wanted:
        return wanted
    if wanted:
        fields = {"names": wanted, "by": by, "at": clock.now()}
        RequiredPipelines.objects.update_or_create(service=service, defaults=fields)
    else:
        RequiredPipelines.objects.filter(service=service).delete()
    StateChange.objects.create(
        kind="required pipelines",
        key=service.name[:200],
        from_state="",
        to_state="required" if wanted else "none",
        by=by,
        because=f"{_said(before)} → {_said(wanted)}"[:2000],
        at=clock.now(),
    )
    did = f"changed the pipelines that {service.name} requires to: {_said(wanted)}"
    audit.record(by=by, did=did, kind="mapping", key=service.name)
    publish(ServiceChanged(id=service.pk))
    return wanted


def _said(names: list[str]) -> str:
    return ", ".join(names) or "no rule"
