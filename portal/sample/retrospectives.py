"""The incident of the sample company, and what its squads wrote about it and about something that went well.

Everything is written with the verbs people use; afterwards it is dated back, as the rest of the company is.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from portal.accounts.models import User
from portal.kernel.models import StateChange
from portal.sample.retrospective_texts import CERTIFICATES, CHARGED_TWICE, COMPARE, COMPARED, Told
from releases.attributions.actions import answer, attribute, propose_for
from releases.attributions.models import Attribution
from releases.incident_settings.actions import save_severity
from releases.incident_settings.models import Severity
from releases.incidents.actions import correct, open_incident, write_update
from releases.incidents.models import Incident, IncidentCorrection, IncidentUpdate
from releases.models import Deployment, Environment
from releases.timelines.actions import review_incident
from squads.models import Retrospective, RetrospectiveAction, Service, Squad, Story, StoryEdit, TimelineEntry
from squads.retrospective_actions.actions import propose, start
from squads.retrospectives.actions import Subject, add_entry, change_entry, create, publish
from squads.retrospectives.editing import edit
from squads.stories.editing import edit_story

Person = Callable[[str], User]
SEVERITIES = (
    ("Critical", "Customers lose money or data, or nobody can buy.", ["critical"]),
    ("Major", "Something doesn’t work for many customers, and there’s no way around it.", ["error", "major"]),
    ("Minor", "A nuisance, or something with a way around it.", ["warning", "minor"]),
)
TITLE = "Some orders paid with two cards were charged and never placed"
# Hours ago.
BEGAN, DETECTED, DECLARED, MITIGATED, RESOLVED = 151, 141.5, 141.2, 139.9, 137
LOOKED_UP, ANSWERED, WRITTEN, PUBLISHED = 135, 134, 112, 90
UPDATES = (
    (
        141.1,
        "sample-mei",
        "Support has three orders that were charged and never placed. All three were paid with two cards.",
        "Some payments with two cards fail. Please pay with one card for now.",
    ),
    (140.4, "sample-ana", "All of them have an expired second card. Split payments came with v1.2.", ""),
    (139.8, "sample-ana", "Checkout runs v1.1 again, which has no split payments.", "Paying works again."),
    (
        137,
        "sample-nadia",
        "Eleven orders are refunded, and everyone concerned has an apology by mail.",
        "Everyone who was charged has their money back.",
    ),
)


def write_them(at: datetime, person: Person) -> None:
    """Write the incident and both retrospectives, each whole, unless it is there."""
    _severities(person("sample-nadia"))
    incident = Incident.objects.filter(title=TITLE, created_by=person("sample-mei")).first() or _incident(at, person)
    payments, platform = (Squad.objects.get(key_prefix=prefix) for prefix in ("PAY", "PLAT"))
    if not Retrospective.objects.filter(squad=payments, created_by=person("sample-ana")).exists():
        _review(incident, payments, at, person)
    if not Retrospective.objects.filter(squad=platform, created_by=person("sample-mei")).exists():
        _success(platform, at, person)


@transaction.atomic
def _severities(manager: User) -> None:
    """Name severities, where the company named none yet."""
    if not Severity.objects.exists():
        for place, (name, meaning, words) in enumerate(SEVERITIES, start=1):
            save_severity(None, by=manager, name=name, meaning=meaning, order=place, alert_severities=words)


def _ago(at: datetime, hours: float) -> datetime:
    return at - timedelta(hours=hours)


# The incident


@transaction.atomic
def _incident(at: datetime, person: Person) -> Incident:
    mei, ana = person("sample-mei"), person("sample-ana")
    checkout = Service.objects.get(name="checkout")
    incident = open_incident(
        by=mei,
        title=TITLE,
        severity=Severity.objects.first(),
        services=[checkout],
        environments=[Environment.objects.get(key="production")],
        detected_at=_ago(at, DETECTED),
        declared_at=_ago(at, DECLARED),
        commander=ana,
        scribe=person("sample-jonas"),
        liaison=person("sample-nadia"),
    )
    _dated(incident, _ago(at, DECLARED))
    for hours, who, text, public in UPDATES:
        update = write_update(incident, by=person(who), text=text, public=public, happened_at=_ago(at, hours))
        IncidentUpdate.objects.filter(pk=update.pk).update(written_at=_ago(at, hours))
    for name, hours, known, because in (
        ("mitigated_at", MITIGATED, MITIGATED, ""),
        ("resolved_at", RESOLVED, RESOLVED, ""),
        ("impact_started_at", BEGAN, LOOKED_UP, "The payment log shows the first such order."),
    ):
        said: dict[str, Any] = {name: _ago(at, hours)}
        correct(incident, by=ana, because=because, **said)
        _dated(incident, _ago(at, known), name)
    Incident.objects.filter(pk=incident.pk).update(created_at=_ago(at, DECLARED))
    incident.refresh_from_db()
    _answer(incident, checkout, _ago(at, ANSWERED), ana)
    return incident


def _dated(incident: Incident, at: datetime, *names: str) -> None:
    rows = IncidentCorrection.objects.filter(incident=incident)
    (rows.filter(field__in=names) if names else rows).update(at=at)


def _answer(incident: Incident, service: Service, at: datetime, by: User) -> None:
    """Say which of the deployments that rules propose it came from."""
    propose_for(incident)
    tried = Deployment.objects.filter(service=service, environment__key="production", version="v1.2", kind="deploy")
    attribute(incident, tried.get(outcome="success"), by=by, reason="v1.2 brought payments with two cards.")
    for other in Attribution.objects.filter(incident=incident, state=Attribution.State.PROPOSED):
        answer(other, by=by, accepted=False, reason="This attempt stopped before it served anyone.")
    rows = Attribution.objects.filter(incident=incident)
    rows.update(state_at=at)
    StateChange.objects.filter(kind="attribution", key__in=[str(row) for row in rows]).update(at=at)


# What was learned


@transaction.atomic
def _review(incident: Incident, squad: Squad, at: datetime, person: Person) -> None:
    ana = person("sample-ana")
    row = review_incident(incident, squad, by=ana)
    _write(row, CHARGED_TWICE, by=ana, facilitator=person("sample-mei"))
    for hours, text in ((150, "The first customer writes to support."), (142, "Support compares three cases.")):
        add_entry(row, by=ana, text=text, at=_ago(at, hours))
    put_back = row.timeline.filter(kind=TimelineEntry.Kind.DEPLOYMENT, text__startswith="Rollback").first()
    if put_back is not None:
        change_entry(row, put_back, by=ana, state="pinned", note="Both commands of the runbook, six minutes in all.")
    for kind, title in CHARGED_TWICE.actions:
        propose(row, by=ana, kind=kind, title=title)
    first = row.actions.order_by("pk").first()
    assert first is not None
    story = start(first, by=ana)
    edit_story(story, by=ana, description=COMPARE, acceptance_criteria=COMPARED)
    StoryEdit.objects.filter(story=story).update(at=_ago(at, PUBLISHED))
    RetrospectiveAction.objects.filter(retrospective=row).update(proposed_at=_ago(at, WRITTEN))
    Story.objects.filter(pk=story.pk).update(created_at=_ago(at, PUBLISHED))
    publish(row, by=ana)
    _written(row, _ago(at, WRITTEN), _ago(at, PUBLISHED))


@transaction.atomic
def _success(squad: Squad, at: datetime, person: Person) -> None:
    mei = person("sample-mei")
    about = Subject(began_at=_ago(at, 131), ended_at=_ago(at, 88))
    row = create(squad, by=mei, kind="success", title=CERTIFICATES.title, subject=about)
    _write(row, CERTIFICATES, by=mei)
    publish(row, by=mei)
    _written(row, _ago(at, 70), _ago(at, 66))


def _write(row: Retrospective, told: Told, *, by: User, facilitator: User | None = None) -> None:
    said: dict[str, Any] = {f"section:{key}": text for key, text in told.sections.items()}
    if facilitator is not None:
        said["facilitator"] = facilitator
    edit(row, by=by, title=told.title, themes=list(told.themes), **said)


def _written(row: Retrospective, written: datetime, published: datetime) -> None:
    """Date a retrospective back."""
    dates = {"created_at": written, "changed_at": published, "published_at": published, "shown_at": published}
    Retrospective.objects.filter(pk=row.pk).update(**dates)
    row.edits.update(at=written)
    row.timeline.update(added_at=written)
    StateChange.objects.filter(kind="retrospective", key=str(row)).update(at=published)
