"""How to make each address of the portal, for the tests of who may open it.

A new address needs one entry in CASES: `"squads:boards:board": Case(lambda w: [w.squad.slug])`. `args` makes the address from
the world of `world()`; `body` is what is sent with each method that changes something; `also` and `never` name roles that
the mark alone would not (the mark speaks of the squad concerned, and some pages concern the person's own).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.mail import EmailMessage
from django.utils import timezone

from portal.accounts.actions import make_token
from portal.accounts.models import ApiToken, Invitation, User
from portal.kernel.mail import send_soon
from portal.kernel.models import Mail, Message
from portal.kernel.stable_ids import stable_id
from releases.approvals.actions import ask as ask_approval
from releases.attributions.models import Attribution
from releases.contents.actions import choose_content
from releases.deployment_checks.actions import create_token
from releases.deployments.models import Deployment
from releases.environments.actions import create_environment, environment_named
from releases.freezes.actions import create_freeze, lift_freeze, open_feed
from releases.gates.readiness import DEFAULT
from releases.inbox.actions import store
from releases.incident_settings.actions import save_severity
from releases.incident_settings.models import Severity
from releases.incidents.actions import as_json, merge, open_incident, split
from releases.incidents.models import Incident, IncidentReport, ReportPlacement
from releases.learnings.queries import wanted_for
from releases.models import (
    AllowedHost,
    Approval,
    BotRule,
    CalendarAddress,
    Change,
    ChecklistItem,
    CheckToken,
    DeployOrder,
    Environment,
    FlagNeed,
    Freeze,
    FreezeLift,
    GateOverride,
    GateTemplate,
    InboundEvent,
    MappingRule,
    OutsideCheck,
    Release,
    ReleaseLink,
    ReleaseNotes,
    ReleaseTrain,
    Repository,
    RepositoryPart,
    RequiredPipelines,
    Snapshot,
    Source,
    StoryLink,
)
from releases.outside_checks.actions import add_check
from releases.planning.actions import abandon_release, create_release
from releases.readiness.actions import add_item, need_flag, tick
from releases.readiness.forms import TemplateForm, digest_of
from releases.readiness.gate_templates import save_template
from releases.readiness.models import LearningRead, stored
from releases.readiness.overrides import override
from releases.readiness.queries import readiness_of
from releases.release_calendar.actions import add_address
from releases.release_notes.actions import generate
from releases.release_trains.actions import create_train
from releases.release_trains.actions import pause as pause_train
from releases.sharing.actions import share
from releases.snapshots.actions import take_snapshot
from squads.acceptance.actions import ask
from squads.attachments.actions import attach
from squads.boards.actions import save_view
from squads.discussions.actions import add_comment
from squads.endings.actions import cancel
from squads.imports.actions import upload
from squads.labels.actions import label_named
from squads.models import (
    AcceptanceRequest,
    Comment,
    Evidence,
    Import,
    ManyChange,
    Membership,
    Relation,
    Retrospective,
    RetrospectiveSession,
    SavedView,
    Service,
    Squad,
    Story,
    StoryView,
)
from squads.retrospectives.editing import edit as edit_retrospective
from squads.stories.actions import create_story, judge, record_by_hand
from squads.stories.ranking import block
from squads.stories.relations import relate
from squads.story_lists.actions import save_view as keep_view
from squads.story_lists.many import change_many, wanted_of
from squads.teams.actions import archive_squad
from squads.teams.invitations import invite

from . import session_cases
from .retrospective_cases import cases, retrospectives

ROLES = ("anonymous", "reader", "other", "member", "lead", "manager", "administrator")
SIGNED_IN = set(ROLES) - {"anonymous"}
# What each mark lets through, where the squad concerned is Payments; "other" is a member of Search.
MAY = {
    "public": set(ROLES),
    "reading": SIGNED_IN,
    "writing": SIGNED_IN,
    "members": {"member", "lead", "administrator"},
    "leads": {"lead", "administrator"},
    "founders": {"manager", "administrator"},
    "planners": {"other", "member", "lead", "manager", "administrator"},
    # The owner too: nobody in this world owns its releases.
    "answers": {"manager", "administrator"},
    "managers": {"manager", "administrator"},
    "administrators": {"administrator"},
    "reports": set(),
}


@dataclass
class World:
    """One of everything, all of squad Payments."""

    people: dict[str, User | None]
    squad: Squad
    search: Squad
    # Archived.
    gone: Squad
    story: Story
    # Blocked, related to `story`, with a comment and evidence of the member's, and a change.
    blocked: Story
    # Cancelled.
    ended: Story
    comment: Comment
    seen: Evidence
    relation: Relation
    change: Change
    unlinked: Change
    # Running in production: not asked about yet; asked about by name (a person of another squad); asked any accepter.
    running: Story
    by_name: AcceptanceRequest
    by_squad: AcceptanceRequest
    view: SavedView
    story_view: StoryView
    many: ManyChange
    imported: Import
    service: Service
    unowned: Service
    membership: Membership
    release: Release
    abandoned: Release
    notes: ReleaseNotes
    # Its next release is in the way, as one is called so already.
    train: ReleaseTrain
    paused: ReleaseTrain
    # Planned for `release`, which it misses; `later` comes after that. Somebody’s calendar address.
    missed: Story
    later: Release
    address: CalendarAddress
    link: ReleaseLink
    # For the release.
    planned: Story
    # Asked of a person of another squad.
    approval: Approval
    incident: Incident
    severity: Severity
    merged: Incident
    split_off: Incident
    attribution: Attribution
    freeze: Freeze
    lift: FreezeLift
    # checkout goes before the service with the same name in capitals.
    order: DeployOrder
    overridden: GateOverride
    need: FlagNeed
    # Of the release; of every release of its line, and ticked.
    item: ChecklistItem
    line_item: ChecklistItem
    gates: GateTemplate
    check: OutsideCheck
    check_token: CheckToken
    snapshot: Snapshot
    environment: Environment
    guessed: Environment
    twin: Service
    source: Source
    git: Source
    host: AllowedHost
    bot: BotRule
    dead: Message
    mail: Mail
    event: InboundEvent
    rule: MappingRule
    part: RepositoryPart
    invitation: Invitation
    secret: str
    token: ApiToken
    # One in each state.
    retrospectives: dict[str, Retrospective]
    # One in each phase.
    sessions: dict[str, RetrospectiveSession]


def world() -> World:
    """Make it, and one person for every role."""
    squad = Squad.objects.create(name="Payments", slug="payments", key_prefix="PAY")
    search = Squad.objects.create(name="Search", slug="search", key_prefix="SEA")
    people: dict[str, User | None] = {"anonymous": None}
    for role in ROLES[1:]:
        people[role] = User.objects.create_user(
            role,
            f"{role}@example.org",
            f"{role}-password",
            is_staff=role == "administrator",
            is_superuser=role == "administrator",
            is_project_manager=role == "manager",
        )
    lead: Any = people["lead"]
    Membership.objects.create(squad=search, user=people["other"], role="lead")
    Membership.objects.create(squad=squad, user=people["member"])
    Membership.objects.create(squad=squad, user=lead, role="lead")
    label_named(squad, "mobile")
    cheques = Squad.objects.create(name="Cheques", slug="cheques", key_prefix="CHQ")
    Membership.objects.create(squad=cheques, user=lead, role="lead")
    create_story(cheques, by=lead, title="Clear a cheque")
    mo = User.objects.create_user("mo", "mo@example.org", "mo-password")
    User.objects.create_user("gone", "gone@example.org", "gone-password", is_active=False)
    Membership.objects.filter(user=people["member"]).update(accepts=True)
    service = Service.objects.create(name="checkout", slug="checkout", squad=squad)
    source = Source.objects.create(key="ci", name="CI", kind="report")
    git = Source.objects.create(
        key="shop-git",
        name="git",
        kind="git",
        config={"url": "https://git.example.org/x.git"},
        next_pull_at=timezone.now() + timedelta(days=1),
    )
    # It said nothing yet, so it can be removed; it is broken, so it can be paused and tried again.
    Source.objects.create(key="idle", name="Sensu", kind="sensu", state="broken")
    host = AllowedHost.objects.create(host="jenkins.example.org")
    bot = BotRule.objects.create(name="acme-ci")
    event, _ = store(source, delivery="1", kind="k", body=b"{}")
    InboundEvent.objects.update(state="failed")
    gone = {"failed_at": timezone.now(), "dead_at": timezone.now()}
    invitation, secret = invite(by=lead, email="new@example.org", squad=squad)
    membership = Membership.objects.create(squad=squad, user=mo, accepts=True)
    story, blocked, *deployed = (
        create_story(
            squad, by=lead, title=title, flag="photo", acceptance_criteria=CRITERION, production_checks="Look."
        )
        for title in ("Pay", "Pay back", "Pay later", "Pay in parts", "Pay in full")
    )
    block(blocked, by=lead, because="the bank")
    running, asked, awaited = (_run(each) for each in deployed)
    changes = [_change(sha, event) for sha in ("abcdef1", "abcdef2")]
    attach(story, SimpleUploadedFile("log.txt", b"log"), by=lead)
    StoryLink.objects.create(change=changes[0], key=blocked.key, story=blocked, rule="message")
    release = create_release(by=lead, version="1.0", line="Shop")
    notes = generate(release, by=lead)
    # Generating them again has something to add.
    Change.objects.filter(pk=changes[1].pk).update(release=release)
    RequiredPipelines.objects.create(service=service, names=["Tests"], at=timezone.now())
    for each in filter(None, people.values()):
        open_feed(by=each)
    twin = Service.objects.create(name="CHECKOUT", slug="checkout-2", discovered=True)
    choose_content(release, service, by=lead, sha="b" * 40)
    rows = retrospectives(squad, lead, mo)
    rows["published"].services.add(service)
    edit_retrospective(rows["published"], by=lead, **{"section:learnings": "Warm the cache."})
    rows["locked"].services.add(service)
    rows["locked"].sections.filter(key="learnings").update(text="Page earlier.")
    LearningRead.objects.create(release=release, retrospective=rows["locked"], version=2, by=people["member"])
    return World(
        people=people,
        retrospectives=rows,
        sessions=session_cases.sessions(rows["published"], lead),
        squad=squad,
        search=search,
        gone=archive_squad(cheques, by=lead),
        story=story,
        service=service,
        unowned=Service.objects.create(name="worker", slug="worker", discovered=True),
        membership=membership,
        release=release,
        notes=notes,
        abandoned=abandon_release(
            create_release(by=lead, version="0.9", line="Shop"), by=people["manager"], because="No budget."
        ),
        train=_train(lead, "Shop"),
        paused=_paused(lead),
        later=create_release(
            by=lead, version="1.5", line="Shop", planned_for=timezone.now().date() + timedelta(days=9)
        ),
        address=add_address(by=mo)[0],
        link=share(release, by=lead, days=7)[0],
        planned=create_story(squad, by=lead, title="Pay on time", release=release),
        approval=ask_approval(release, by=people["member"], kind="person", person=people["other"]),
        incident=(
            incident := _reported(open_incident(by=lead, title="Checkout is down", resolved_at=timezone.now()), event)
        ),
        merged=_merged(open_incident(by=lead, title="Down", resolved_at=timezone.now()), incident, lead),
        split_off=_split_off(lead),
        severity=save_severity(None, by=people["manager"], name="Major"),  # type: ignore[arg-type]
        attribution=Attribution.objects.create(
            incident=open_incident(by=lead, title="Slow", resolved_at=timezone.now()),
            method="window",
            confidence="weak",
            deployment=Deployment.objects.create(
                pk=uuid4(),
                key="shop",
                service=service,
                environment=_live(),
                event=event,
                finished_at=timezone.now() - timedelta(minutes=5),
                phase="finished",
                outcome="success",
            ),
        ),
        freeze=(freeze := create_freeze(by=lead, name="Today", starts_on=TODAY, ends_on=TODAY)),
        lift=_lifted(freeze, people["manager"]),
        order=DeployOrder.objects.create(first=service, then=twin, by=lead),
        overridden=override(
            release,
            by=people["administrator"],  # type: ignore[arg-type]
            gate="stories",
            reason="Agreed.",
            until=timezone.now() + timedelta(days=2),
            covers=_blocking(release, "stories"),
        ),
        need=need_flag(release, by=lead, flag="photo", on=True),
        item=add_item(by=lead, release=release, text="Tell support"),
        line_item=_ticked(release, people["manager"]),
        gates=save_template(
            by=people["manager"],  # type: ignore[arg-type]
            line="Shop",
            gates=[*stored(DEFAULT), {"gate": "learnings"}],
            version=None,
        ),
        check=_answered(
            add_check(by=people["manager"], release=release, name="Board", url="https://change.example.org/")
        ),  # type: ignore[arg-type]
        check_token=create_token(service, by=lead, name="CI", days=7)[0],
        snapshot=take_snapshot(release, by=lead),
        environment=create_environment(by=lead, key="prod", tier="production"),
        guessed=environment_named("stage"),
        twin=twin,
        source=source,
        git=git,
        event=event,
        host=host,
        bot=bot,
        dead=Message.objects.create(topic="story.edited", payload={"ids": [1]}, attempts=9, error="ValueError", **gone),
        mail=_failed_mail(),
        rule=_rules()[1],
        part=RepositoryPart.objects.create(repository=changes[0].repository, prefix="web", service=service),
        invitation=invitation,
        secret=secret,
        token=make_token(by=lead, name="CI", scopes=["read"], days=7, squad=squad)[0],
        blocked=blocked,
        ended=cancel(create_story(squad, by=lead, title="Pay by cheque"), by=lead, because="Nobody has cheques."),
        comment=add_comment(blocked, by=people["member"], body="Mine."),
        seen=record_by_hand(blocked, by=people["member"], kind="test", note="I tried it."),
        relation=relate(blocked, "blocks", story.key, by=lead),
        change=changes[0],
        unlinked=changes[1],
        running=running,
        by_name=ask(asked, by=mo, accepter=people["other"]),
        by_squad=ask(awaited, by=mo),
        view=save_view(squad, by=mo, name="Bugs", query="q=card", shared=True),
        story_view=keep_view(by=mo, name="Blocked", query="blocked=1"),
        many=change_many([blocked.key], wanted_of("priority", "low", by=mo), by=mo),
        imported=upload(squad, by=mo, name="work.csv", body=CSV),
        missed=create_story(squad, by=lead, title="Pay late", release=release),
    )


TODAY = timezone.now().date()


def _live() -> Any:
    place = environment_named("live")
    type(place)._default_manager.filter(pk=place.pk).update(tier="production", tier_confirmed=True)
    place.refresh_from_db()
    return place


def _reported(incident: Incident, event: InboundEvent) -> Incident:
    """Have a system report it, in a thread of its own."""
    now = timezone.now()
    values = {"key": "ops", "thread": "ops", "incident": incident, "event": event, "resolved_at": now}
    IncidentReport.objects.create(pk=uuid4(), **values)
    ReportPlacement.objects.create(thread="ops", moment=now, incident=incident, by=incident.created_by, at=now)
    return incident


def _merged(incident: Incident, into: Incident, by: Any) -> Incident:
    merge(incident, into, by=by, because="The same.")
    return incident


def _lifted(freeze: Freeze, by: Any) -> FreezeLift:
    return lift_freeze(freeze, by=by, day=TODAY, reason="Tried.", expires_at=timezone.now() + timedelta(days=1))


def _answered(check: OutsideCheck) -> OutsideCheck:
    """Have it asked already, so that somebody can want it asked again."""
    check.answers.update(wanted_at=None, at=timezone.now(), outcome="success")
    return check


def _ticked(release: Release, by: Any) -> ChecklistItem:
    item = add_item(by=by, line="Shop", text="Write the notes")
    tick(item, release, by=by)
    return item


CRITERION = "Ten euro arrive."
CSV = b"Key,Title\nA-1,Pay by card\n"


def _run(story: Story) -> Story:
    """Have production run a story, so that somebody can be asked to accept it."""
    for minutes, kind, tier in ((3, "change", ""), (2, "run", ""), (1, "deployment", "production")):
        Evidence.objects.create(
            story=story,
            kind=kind,
            verdict="success",
            at=timezone.now() - timedelta(minutes=minutes),
            service="checkout",
            environment="prod" if tier else "",
            tier=tier,
            shas=["abc"],
            label="checkout 1.4",
        )
    judge([story.pk])
    story.refresh_from_db()
    return story


def _change(sha: str, event: InboundEvent) -> Change:
    repository, _ = Repository.objects.get_or_create(
        key="shop/checkout", defaults={"service": Service.objects.get(name="checkout")}
    )
    return Change.objects.create(
        id=stable_id("change", sha),
        repository=repository,
        sha=sha,
        author="Mo",
        subject="Pay",
        told_paths=["db/1.sql"],
        event=event,
    )


def _rules() -> list[MappingRule]:
    return [MappingRule.objects.create(kind="pipeline", pattern=each, role="ci") for each in ("build", "smoke")]


def _failed_mail() -> Mail:
    mail = send_soon(EmailMessage("Pay", "Pay.", to=["mo@example.org"]))
    Mail.objects.filter(pk=mail.pk).update(state=Mail.State.FAILED, failed_at=timezone.now(), error="550 no such user")
    return mail


def _nothing(_: World) -> list[Any]:
    return []


def _empty(_: World) -> dict[str, Any]:
    return {}


@dataclass
class Case:
    """How to make one address, what to send, and who may beyond or short of its mark."""

    args: Callable[[World], list[Any]] = _nothing
    body: Callable[[World], dict[str, Any]] = _empty
    query: str = ""
    # Roles by method, such as {"GET": {"other"}}.
    also: dict[str, set[str]] = field(default_factory=dict)
    never: dict[str, set[str]] = field(default_factory=dict)
    # Answers from 400 on that mean "let in, but the thing said no" (a token that is none, say).
    fine: tuple[int, ...] = ()
    # Answers that refuse, beside 401, 403 and being sent to sign in (a form that offers only one's own squads).
    refusals: tuple[int, ...] = ()


def _reader(w: World) -> list[Any]:
    return [w.people["reader"].pk]  # type: ignore[union-attr]


def _gone(w: World) -> list[Any]:
    return [User.objects.get(username="gone").pk]


def _username(w: World) -> list[Any]:
    return ["reader"]


def _inactive(w: World) -> list[Any]:
    return ["gone"]


def _access(w: World) -> dict[str, Any]:
    return {"founders": "everyone", "inviters": "administrators", "domains": "example.org", "version": 0}


def _slug(w: World) -> list[Any]:
    return [w.squad.slug]


def _dead(w: World) -> list[Any]:
    return [w.dead.pk]


def _mail(w: World) -> list[Any]:
    return [w.mail.pk]


def _key(w: World) -> list[Any]:
    return [w.story.key]


def _service(w: World) -> list[Any]:
    return [w.service.slug]


def _release(w: World) -> list[Any]:
    return [w.release.slug]


def _train_said(w: World) -> dict[str, Any]:
    first = (timezone.now() + timedelta(days=14)).date()
    weekly = {"weekday": first.weekday(), "weeks": 2, "starts_on": str(first), "zone": "UTC", "next_number": 0}
    return {"line": "Mobile", "pattern": "1.{n}", "ahead": 1, **weekly}


def _train(lead: Any, line: str) -> ReleaseTrain:
    fields = _train_said(None) | {"line": line, "starts_on": (timezone.now() + timedelta(days=14)).date()}  # type: ignore[arg-type]
    return create_train(by=lead, **fields)


def _paused(lead: Any) -> ReleaseTrain:
    train = _train(lead, "Web")
    pause_train(train, by=lead)
    return train


def _train_pk(w: World) -> list[Any]:
    return [w.train.pk]


def _missed(w: World) -> dict[str, Any]:
    return {"to": w.later.slug, "keys": [w.missed.key]}


def _notes_version(w: World) -> dict[str, Any]:
    return {"version": w.notes.version}


def _notes_said(w: World) -> dict[str, Any]:
    return {"text": "# Shop 1.0", **_notes_version(w)}


def _approval(w: World) -> list[Any]:
    return [w.release.slug, w.approval.pk]


def _to_read(w: World) -> list[Any]:
    return [w.release.slug, w.retrospectives["published"].slug]


def _is_read(w: World) -> list[Any]:
    return [w.release.slug, w.retrospectives["locked"].slug]


def _text_version(w: World) -> dict[str, Any]:
    wanted = wanted_for(w.release)
    return {"version": wanted.named(w.retrospectives["published"]).version}  # type: ignore[union-attr]


def _report_of(w: World) -> str:
    """A report of the incident; one that was split off already stays somebody else's."""
    report = w.incident.reports.first() or IncidentReport.objects.first()
    assert report is not None
    return str(report.pk)


def _fresh(incident: Incident) -> Incident:
    return Incident.objects.get(pk=incident.pk)


def _split_off(by: Any) -> Incident:
    """An incident that was split from another one."""
    whole = open_incident(by=by, title="Two troubles", resolved_at=timezone.now())
    event, now = InboundEvent.objects.latest("received_at"), timezone.now()
    report = IncidentReport.objects.create(
        pk=uuid4(),
        key="disk",
        thread=f"disk {whole.key}",
        incident=whole,
        event=event,
        detected_at=now,
        resolved_at=now,
    )
    return split(whole, [report], by=by, title="The disk", because="Another.")


def _incident(w: World) -> list[Any]:
    return [w.incident.key]


def _severity(_: World) -> dict[str, Any]:
    return {"name": "Minor", "order": "2"}


def _freeze(w: World) -> list[Any]:
    return [w.freeze.pk]


def _freeze_said(_: World) -> dict[str, Any]:
    return {"name": "Now", "zone": "UTC", "starts_on": str(TODAY), "ends_on": str(TODAY)}


def _lift_said(_: World) -> dict[str, Any]:
    return {"day": str(TODAY), "reason": "Why.", "expires_at": (timezone.now() + timedelta(days=1)).isoformat()[:16]}


def _ics(_: World) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("a.ics", ICS.encode()), "zone": "UTC"}


ICS = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Quiet\nDTSTART;VALUE=DATE:20261228\nEND:VEVENT\nEND:VCALENDAR\n"


def _content(w: World) -> list[Any]:
    return [w.release.slug, w.service.slug]


def _item(w: World) -> list[Any]:
    return [w.release.slug, w.item.pk]


def _line_item(w: World) -> list[Any]:
    return [w.release.slug, w.line_item.pk]


def _gates(_: World) -> dict[str, Any]:
    """The form of gates as it is once somebody saw what it changes."""
    said = {"line": "Shop", "version": 1, "use-stories": "on", "stories-stage": "tested", "soak-tier": "staging"}
    form = TemplateForm(said, sources=[])
    assert form.is_valid(), form.errors
    return {**said, "previewed": digest_of(form.chosen(), [])}


def _gate_template(_: World) -> dict[str, Any]:
    return {"line": "Shop", "gates": [{"gate": "stories"}]}


def _outside(_: World) -> dict[str, Any]:
    return {"name": "Security", "url": "https://security.example.org/{version}"}


def _override(w: World) -> dict[str, Any]:
    until = (timezone.now() + timedelta(days=1)).isoformat()
    return {"gate": "runs", "reason": "Agreed.", "until": until, "covers": _blocking(w.release, "runs")}


def _blocking(release: Release, gate: str) -> list[str]:
    """Return what blocks a gate, as an override names it."""
    judged = readiness_of([release])[release.pk]
    return [blocker.identity for each in judged.findings if each.gate == gate for blocker in each.blockers]


def _named_said(w: World) -> dict[str, Any]:
    return {"change": str(w.change.pk), "path": "db/1.sql", "kind": "expand"}


def _environment(w: World) -> list[Any]:
    return [w.environment.slug]


def _source(w: World) -> list[Any]:
    return [w.source.key]


def _idle(w: World) -> list[Any]:
    return ["idle"]


def _git(w: World) -> list[Any]:
    return [w.git.key]


def _event(w: World) -> list[Any]:
    return [str(w.event.pk)]


def _attached(w: World) -> list[Any]:
    return [w.story.key, w.story.attachments.get().pk]


def _label(w: World) -> list[Any]:
    return [w.squad.slug, w.squad.labels.get().pk]


def _rule(w: World) -> list[Any]:
    return [w.rule.pk]


def _part(w: World) -> list[Any]:
    return [w.part.pk]


def _rule_said(_: World) -> dict[str, Any]:
    return {"kind": "pipeline", "pattern": "deploy-*", "role": "deploy", "environment": "{1}"}


def _part_said(_: World) -> dict[str, Any]:
    return {"repository": "shop/checkout", "folder": "services/ledger", "service": "ledger"}


def _squad_said(_: World) -> dict[str, Any]:
    return {"name": "Payments", "key_prefix": "PAY", "kind": "vertical", "mission": "Pay."}


def _squad_new(_: World) -> dict[str, Any]:
    return {"name": "New", "key_prefix": "NEW", "kind": "vertical", "mission": ""}


def _story_said(w: World) -> dict[str, Any]:
    return {"squad": w.squad.pk, "title": "Pay again", "type": "user_story", "audience": "everyone"}


def _version(_: World) -> dict[str, Any]:
    return {"version": "2.0"}


def _token(_: World) -> dict[str, Any]:
    return {"name": "CI", "scopes": ["read"], "days": 30}


def _qa(_: World) -> dict[str, Any]:
    return {"key": "qa", "name": "QA", "tier": "testing", "order": 3}


def _prod(_: World) -> dict[str, Any]:
    # Its tier is changed by administrators and project managers alone.
    return {"key": "prod", "name": "Production", "tier": "production", "order": 3, "location": "Utrecht"}


def _blocked(w: World) -> list[Any]:
    return [w.blocked.key]


def _ended(w: World) -> list[Any]:
    return [w.ended.key]


def _running(w: World) -> list[Any]:
    return [w.running.key]


def _comment(w: World) -> list[Any]:
    return [w.blocked.key, w.comment.pk]


def _by_hand(w: World) -> list[Any]:
    return [w.blocked.key, w.seen.pk]


def _mistaken(w: World) -> dict[str, Any]:
    return {"because": "It was another story."}


def _relation(w: World) -> list[Any]:
    return [w.blocked.key, w.relation.pk]


def _relate(w: World) -> dict[str, Any]:
    return {"kind": "duplicates", "key": w.blocked.key}


def _change_of(w: World) -> list[Any]:
    return [w.blocked.key, str(w.change.pk)]


def _by_name(w: World) -> list[Any]:
    return [w.by_name.story.key, w.by_name.pk]


def _by_squad(w: World) -> list[Any]:
    return [w.by_squad.story.key, w.by_squad.pk]


def _accepted(_: World) -> dict[str, Any]:
    return {"answer": "accepted", "note": "I paid ten euro."}


def _import(w: World) -> list[Any]:
    return [w.squad.slug, w.imported.pk]


def _file(_: World) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("more.csv", b"Key,Title\nA-2,Pay by phone\n", "text/csv")}


def _seen(_: World) -> dict[str, Any]:
    return {"kind": "acceptance", "verdict": "success", "at": "2026-01-01T10:00", "note": "I tried it."}


def _said(_: World) -> dict[str, Any]:
    return {"body": "It is **done**."}


ANY_SQUAD = {"GET": {"other"}, "POST": {"other"}, "PATCH": {"other"}}
PAGE = {"GET": {"other"}}
OWN = Case()


def only(*roles: str) -> dict[str, set[str]]:
    """Refuse everybody else, whatever the mark: what a person said, or was asked, is theirs."""
    return dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), SIGNED_IN - set(roles))


# What holds for all squads is said by administrators and project managers.
MAPPERS = only("manager", "administrator")
# What the lead said of the release is taken back by the lead, or by who answers for the release.
LEADS_OWN = only("lead", "manager", "administrator")

# Signing in and one's own account: whatever is sent, the mark alone decides.
SIGNING_IN = (
    "accounts:login",
    "accounts:logout",
    "account_login",
    "account_logout",
    "account_inactive",
    "account_reauthenticate",
    "account_email",
    "account_change_password",
    "account_set_password",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key_done",
    "mfa_index",
    "mfa_authenticate",
    "mfa_reauthenticate",
    "mfa_activate_totp",
    "mfa_generate_recovery_codes",
    "mfa_list_webauthn",
    "mfa_add_webauthn",
    "mfa_reauthenticate_webauthn",
    "mfa_login_webauthn",
    "socialaccount_connections",
    "socialaccount_login_cancelled",
    "socialaccount_signup",
    "account_signup",
)

CASES: dict[str, Case] = {
    # First page, health, one question
    "home": OWN,
    "first_steps": OWN,
    "first_steps_hidden": OWN,
    "caught_up": Case(body=lambda w: {"until": timezone.now().isoformat()}),
    "search:search": OWN,
    "search:suggestions": OWN,
    "ask": OWN,
    "is": Case(_key),
    "ops:healthz": OWN,
    "ops:readyz": OWN,
    "ops:status": Case(fine=(503,)),
    "ops:metrics": Case(fine=(503,)),
    # Signing in and one's own account
    **dict.fromkeys(SIGNING_IN, OWN),
    # Nobody here has a second factor yet.
    **{
        name: Case(fine=(404,))
        for name in ("mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_download_recovery_codes")
    },
    "socialaccount_login_error": Case(fine=(401,)),
    "account_email_verification_sent": Case(fine=(405,)),
    "account_confirm_email": Case(lambda w: ["abc"], fine=(404,)),
    "account_reset_password_from_key": Case(lambda w: ["1", "abc"]),
    "mfa_edit_webauthn": Case(lambda w: [1]),
    "mfa_remove_webauthn": Case(lambda w: [1]),
    "openid_connect_login": Case(lambda w: ["oidc"], fine=(404,)),
    "openid_connect_callback": Case(lambda w: ["oidc"], fine=(404,)),
    # The admin pages' sign-in answers 403 to people who are signed in and no administrators.
    "admin_login": Case(never=dict.fromkeys(("GET", "POST"), SIGNED_IN), also={}),
    "admin_password": Case(),
    "account:page": Case(body=lambda w: {"first_name": "A", "last_name": "B"}),
    "account:token_create": Case(body=_token),
    "account:sessions": Case(),
    "account:session_end": Case(body=lambda w: {"session": "0"}),
    "account:sessions_end": Case(),
    # Administration
    "administration:index": Case(),
    "administration:access": Case(body=_access),
    "administration:audit": Case(),
    "administration:system": Case(),
    # Mail is off here: everybody who may is told so.
    "administration:test_mail": Case(),
    "people:list": Case(),
    "people:person": Case(_reader),
    "people:role": Case(_reader, lambda w: {"role": "project_manager", "was": "reader"}),
    "people:email": Case(_reader, lambda w: {"email": "r@example.org"}),
    "people:state": Case(_reader, lambda w: {"state": "inactive"}),
    "people:delete": Case(_gone),
    "people:sign_out": Case(_reader),
    "people:second_factor": Case(_reader, fine=(400,)),
    "people:password": Case(_reader),
    "account:token_revoke": Case(lambda w: [w.token.pk], fine=(404,)),
    # Squads, services, people
    "squads:teams:list": OWN,
    "squads:teams:create": Case(body=_squad_new),
    "squads:teams:detail": Case(_slug),
    "squads:teams:archive": Case(_slug, lambda w: {"because": "Done."}),
    "squads:teams:unarchive": Case(lambda w: [w.gone.slug]),
    "squads:teams:edit": Case(_slug, _squad_said),
    "squads:teams:people": Case(_slug),
    "squads:teams:member_change": Case(lambda w: ["payments", w.membership.pk], lambda w: {"role": "lead"}),
    "squads:teams:member_add": Case(_slug, lambda w: {"username": "reader"}),
    "squads:teams:member_remove": Case(_slug, lambda w: {"username": "mo"}),
    "squads:teams:invite": Case(_slug, lambda w: {"email": "x@example.org", "role": "member"}),
    "squads:teams:invitation_revoke": Case(lambda w: ["payments", w.invitation.pk]),
    "squads:teams:invitations": Case(body=lambda w: {"email": "x@example.org", "role": "member"}),
    "squads:teams:invitation_revoke_any": Case(lambda w: [w.invitation.pk]),
    "squads:teams:invitation": Case(
        lambda w: [w.secret],
        lambda w: {"first_name": "Nia", "username": "nia", "password": "a long pass phrase"},
    ),
    "squads:teams:token_create": Case(_slug, _token),
    "squads:teams:token_revoke": Case(lambda w: ["payments", w.token.pk]),
    "squads:teams:service_list": OWN,
    "squads:teams:service_create": Case(
        body=lambda w: {"name": "ledger", "squad": w.squad.pk}, also=PAGE, refusals=(400,)
    ),
    "squads:teams:service": Case(_service),
    "squads:teams:service_edit": Case(_service, lambda w: {"squad": w.squad.pk, "description": "x"}),
    "squads:teams:service_claim": Case(lambda w: [w.unowned.slug], lambda w: {"squad": "payments"}),
    # Stories
    "squads:stories:list": OWN,
    "squads:stories:change_many": Case(body=lambda w: {"key": [w.story.key], "act": "priority", "priority": "high"}),
    # One's own alone.
    "squads:stories:undo_many": Case(lambda w: [w.many.pk], fine=(404,)),
    "squads:stories:save_view": Case(body=lambda w: {"name": "Late", "query": "due=late"}),
    "squads:stories:change_view": Case(lambda w: [w.story_view.pk], lambda w: {"name": "Later"}, fine=(404,)),
    "squads:stories:remove_view": Case(lambda w: [w.story_view.pk], fine=(404,)),
    "squads:stories:create": Case(body=_story_said, also=PAGE, refusals=(400,)),
    "squads:stories:quick": Case(body=_story_said, also=PAGE, refusals=(400,)),
    "squads:stories:detail": Case(_key),
    "squads:stories:edit": Case(_key, _story_said),
    "squads:stories:changes": Case(_key),
    "squads:stories:release": Case(
        _key, lambda w: {"release": w.release.pk}, never={"GET": {"other"}, "POST": {"other"}}
    ),
    "squads:endings:cancel": Case(_key, lambda w: {"because": "Nobody needs it."}),
    "squads:endings:duplicate": Case(_key, lambda w: {"key": w.blocked.key}),
    "squads:endings:reopen": Case(_ended),
    "squads:endings:delete": Case(_ended),
    "squads:handovers:squad": Case(
        _key,
        lambda w: {"squad": "search"},
        never={"GET": {"other"}, "POST": {"other", "member", "lead"}},
    ),
    "squads:stories:take": Case(_key, never=only("member", "lead"), refusals=(400,)),
    "squads:stories:progress": Case(_key, lambda w: {"to": "in_progress"}),
    "squads:stories:evidence": Case(_key, _seen),
    "squads:stories:evidence_take_back": Case(_by_hand, _mistaken),
    "squads:stories:preview": Case(body=_said),
    "squads:stories:field": Case(lambda w: [w.story.key, "title"], lambda w: {"title": "Pay twice"}),
    "squads:stories:checklist": Case(lambda w: [w.story.key, "acceptance_criteria"], lambda w: {"on": CRITERION}),
    "squads:stories:history": Case(_blocked),
    "squads:comments:people": OWN,
    "squads:comments:list": Case(_blocked),
    "squads:comments:create": Case(_key, _said),
    "squads:comments:edit": Case(_comment, _said, never=only("member")),
    "squads:comments:remove": Case(_comment, never=only("member")),
    "squads:comments:watch": Case(_key),
    "squads:comments:relation_add": Case(_key, _relate),
    "squads:comments:relation_remove": Case(_relation),
    # Boards
    "squads:boards:board": Case(_slug),
    "squads:boards:settings": Case(_slug, lambda w: {"tested": 3, "accepters": ["mo"]}),
    "squads:boards:add": Case(_slug, lambda w: {"lines": "Pay by card\nPay by phone"}),
    "squads:boards:save_view": Case(_slug, lambda w: {"name": "Mine", "query": "q=card"}),
    # Shared by somebody else: a lead may remove it.
    "squads:boards:remove_view": Case(lambda w: [w.squad.slug, w.view.pk], never=only("lead", "administrator")),
    "squads:boards:place": Case(_key, lambda w: {"to": "in_progress", "after": w.blocked.key}),
    "squads:language_coach:check": Case(body=lambda w: {"text": "We should have tested."}),
    "squads:labels:list": Case(_slug),
    "squads:labels:rename": Case(_label, lambda w: {"name": "app"}),
    "squads:labels:remove": Case(_label),
    "squads:attachments:attach": Case(_key, lambda w: {"files": SimpleUploadedFile("a.txt", b"log")}),
    "squads:attachments:download": Case(_attached),
    "squads:attachments:remove": Case(_attached),
    "squads:boards:assign": Case(_key, lambda w: {"assignees": ["mo"], "version": 1}),
    "squads:boards:block": Case(_key, lambda w: {"because": "the bank"}),
    "squads:boards:unblock": Case(_blocked),
    "squads:boards:by_hand": Case(_key, _seen),
    # Asking for acceptance
    "squads:acceptance:waiting": OWN,
    "squads:acceptance:plan": Case(_key, lambda w: {"person": "mo"}, never={"POST": {"other"}}),
    "squads:acceptance:ask": Case(_running, lambda w: {"note": "Look at the log."}),
    "squads:acceptance:answer": Case(_by_name, _accepted, never=only("other")),
    "squads:acceptance:withdraw": Case(_by_name),
    # Bringing work in and out
    "squads:imports:export_csv": OWN,
    "squads:imports:export_json": OWN,
    "squads:imports:list": Case(_slug, _file),
    "squads:imports:detail": Case(_import),
    "squads:imports:mapping": Case(_import, lambda w: {"kind": "csv", "column-title": "Title"}),
    "squads:imports:run": Case(_import),
    "squads:imports:discard": Case(_import),
    # Releases, environments
    "releases:planning:list": OWN,
    "releases:planning:create": Case(body=_version),
    "releases:planning:board": Case(_release),
    "releases:planning:edit": Case(_release, _version),
    "releases:planning:plan": Case(
        lambda w: [w.release.slug], lambda w: {"key": w.story.key, "to": "in"}, never={"POST": {"other"}}
    ),
    "releases:planning:abandon": Case(_release, lambda w: {"because": "No budget."}),
    "releases:planning:resume": Case(lambda w: [w.abandoned.slug]),
    "releases:planning:changes": Case(_release),
    "releases:contents:contents": Case(_release),
    "releases:contents:service": Case(_content),
    "releases:contents:choose": Case(_content, lambda w: {"sha": "a" * 40}, also={"POST": {"manager"}}),
    "releases:contents:clear": Case(_content, also={"POST": {"manager"}}),
    "releases:contents:name": Case(_content, _named_said, also={"POST": {"manager"}}),
    "releases:contents:company_patterns": OWN,
    "releases:contents:company_patterns_save": Case(body=lambda w: {"patterns": "**/*.sql"}),
    "releases:contents:service_patterns": Case(_service),
    "releases:contents:service_patterns_save": Case(
        _service, lambda w: {"patterns": "**/*.sql"}, also={"POST": {"manager"}}
    ),
    "releases:contents:order": OWN,
    "releases:contents:order_require": Case(
        body=lambda w: {"first": "checkout", "then": "worker"}, also={"POST": {"manager"}}
    ),
    "releases:contents:order_remove": Case(lambda w: [w.order.pk], also={"POST": {"manager"}}),
    "releases:progress:progress": Case(_release),
    "releases:progress:scope": Case(_release),
    "releases:overview:list": OWN,
    "releases:overview:save_view": Case(body=lambda w: {"name": "Late", "query": "verdict=not_ready"}),
    "releases:overview:remove_view": Case(lambda w: [1], fine=(404,)),
    "releases:overview:digest": Case(body=lambda w: {"wanted": "1"}),
    "api:readiness-list": OWN,
    "api:readiness-view-list": Case(body=lambda w: {"name": "Late", "query": "verdict=not_ready"}),
    "api:readiness-view-detail": Case(lambda w: [1], fine=(404,)),
    "api:readiness-digest": Case(body=lambda w: {"wanted": True}),
    "releases:forecasts:forecast": Case(_release),
    "releases:forecasts:finished": Case(_release, query="squad=payments", fine=(404,)),
    "releases:learnings:to_read": Case(_release),
    "releases:learnings:read": Case(_to_read, _text_version),
    "releases:learnings:take_back": Case(_is_read),
    "releases:readiness:readiness": Case(_release),
    "releases:readiness:gate": Case(lambda w: [w.release.slug, "stories"]),
    "releases:readiness:override": Case(
        lambda w: [w.release.slug, "runs"],
        lambda w: {"reason": "Agreed.", "days": 3, "covers": json.dumps(_blocking(w.release, "runs"))},
    ),
    "releases:readiness:withdraw": Case(lambda w: [w.release.slug, w.overridden.pk]),
    "releases:readiness:need_flag": Case(_release, lambda w: {"flag": "video", "on": "1"}),
    "releases:readiness:drop_flag": Case(lambda w: [w.release.slug, w.need.pk], never=LEADS_OWN),
    "releases:readiness:add_item": Case(_release, lambda w: {"text": "Tell sales"}),
    "releases:readiness:tick": Case(_item),
    "releases:readiness:untick": Case(_line_item),
    "releases:readiness:remove_item": Case(_item, never=LEADS_OWN),
    "releases:readiness:check_now": Case(_release),
    "releases:readiness:templates": OWN,
    "releases:readiness:template": OWN,
    "releases:readiness:save_template": Case(body=_gates),
    "releases:readiness:delete_template": Case(lambda w: [w.gates.pk]),
    "releases:readiness:add_line_item": Case(body=lambda w: {"text": "Tell sales", "line": "Shop"}),
    "releases:readiness:remove_line_item": Case(lambda w: [w.line_item.pk]),
    "releases:outside_checks:list": OWN,
    "releases:outside_checks:add": Case(body=_outside),
    "releases:outside_checks:remove": Case(lambda w: [w.check.pk]),
    "releases:sharing:links": Case(_release, lambda w: {"days": 7}),
    "releases:sharing:revoke": Case(lambda w: [w.release.slug, w.link.pk]),
    "releases:sharing:shared": Case(lambda w: ["share_guessed"], fine=(404,)),
    "releases:deployment_checks:release": Case(_release),
    "releases:deployment_checks:list": OWN,
    "releases:deployment_checks:flagger": Case(fine=(400, 401, 405)),
    "releases:deployment_checks:service": Case(_service),
    "releases:deployment_checks:token_create": Case(_service, lambda w: {"name": "Jenkins", "days": 7}),
    "releases:deployment_checks:token_revoke": Case(lambda w: [w.service.slug, w.check_token.pk]),
    "releases:snapshots:list": Case(_release),
    "releases:snapshots:take": Case(_release, lambda w: {"note": "Before it goes out"}),
    "releases:snapshots:detail": Case(lambda w: [w.snapshot.sha256]),
    "releases:snapshots:document": Case(lambda w: [w.snapshot.sha256]),
    "releases:planning:unlinked": Case(_release),
    "releases:release_comparison:compare": OWN,
    "releases:approvals:list": Case(_release),
    "releases:approvals:accepters": Case(_release),
    "releases:approvals:plan_accepters": Case(
        _release, lambda w: {"person": "mo", "story": [w.planned.key]}, never={"POST": {"other"}}
    ),
    "releases:approvals:ask": Case(_release, lambda w: {"kind": "managers"}),
    "releases:approvals:answer": Case(_approval, lambda w: {"answer": "declined", "note": "No."}, never=only("other")),
    "releases:approvals:withdraw": Case(_approval, never=only("member", "manager", "administrator")),
    "releases:incidents:list": OWN,
    "releases:incidents:create": Case(body=lambda w: {"title": "Slow"}),
    "releases:incidents:detail": Case(_incident),
    "releases:incidents:edit": Case(
        _incident, lambda w: {"title": "Slow", "seen": json.dumps(as_json(_fresh(w.incident)))}
    ),
    "releases:release_retrospectives:list": Case(_release),
    "releases:release_retrospectives:review": Case(_release, lambda w: {"squad": "payments", "kind": "release"}),
    "api:release-retrospective": Case(_release, lambda w: {"squad": "payments", "kind": "success"}),
    "releases:timelines:review": Case(_incident, lambda w: {"squad": "payments"}),
    "releases:incidents:update": Case(_incident, lambda w: {"text": "Looked at it."}),
    "releases:incidents:merge": Case(_incident, lambda w: {"into": w.attribution.incident.key, "because": "The same."}),
    "releases:incidents:unmerge": Case(lambda w: [w.merged.key], lambda w: {"because": "Another."}),
    "releases:incidents:split": Case(
        _incident, lambda w: {"report": _report_of(w), "title": "Other", "because": "Another."}
    ),
    "releases:incidents:unsplit": Case(lambda w: [w.split_off.key], lambda w: {"because": "The same."}),
    "releases:incidents:state": Case(_incident, lambda w: {"state": "reopened"}),
    "releases:attributions:add": Case(
        _incident, lambda w: {"deployment": str(w.attribution.deployment_id), "reason": "Seen."}
    ),
    "releases:attributions:answer": Case(
        lambda w: [w.attribution.pk], lambda w: {"answer": "accepted", "reason": "Seen."}
    ),
    "releases:incident_imports:import": Case(
        body=lambda w: {"text": "title,start\nSlow,2020-01-01 10:00\n", "zone": "UTC", "order": "auto", "import": "1"}
    ),
    "releases:incident_settings:list": OWN,
    "releases:incident_settings:create": Case(body=_severity),
    "releases:incident_settings:edit": Case(lambda w: [w.severity.pk], _severity),
    "releases:incident_settings:delete": Case(lambda w: [w.severity.pk]),
    "releases:incident_settings:windows": Case(body=lambda w: {"reopen_minutes": "5", "attribution_hours": "8"}),
    "releases:freezes:list": OWN,
    "releases:freezes:create": Case(body=_freeze_said),
    "releases:freezes:import": Case(body=_ics),
    "releases:freezes:calendar": OWN,
    "releases:freezes:feed": OWN,
    "releases:freezes:feed_remove": OWN,
    "releases:freezes:subscribed": Case(lambda w: ["guessed"], fine=(404,)),
    "releases:freezes:detail": Case(_freeze),
    "releases:freezes:edit": Case(_freeze, _freeze_said),
    "releases:freezes:delete": Case(_freeze),
    "releases:freezes:lift": Case(_freeze, _lift_said),
    "releases:freezes:lift_withdraw": Case(lambda w: [w.lift.pk]),
    "releases:release_calendar:calendar": OWN,
    "releases:release_calendar:addresses": Case(body=lambda w: {"name": "phone"}),
    "releases:release_calendar:revoke": Case(lambda w: [w.address.pk], fine=(404,)),
    "releases:release_calendar:feed": Case(lambda w: ["calendar_guessed"], fine=(404,)),
    "releases:release_trains:list": OWN,
    "releases:release_trains:create": Case(body=_train_said),
    "releases:release_trains:detail": Case(_train_pk),
    "releases:release_trains:edit": Case(_train_pk, lambda w: {**_train_said(w), "line": "Shop", "weeks": 3}),
    "releases:release_trains:state": Case(_train_pk, lambda w: {"do": "pause"}),
    "releases:release_trains:take": Case(_train_pk),
    "releases:release_trains:missed": Case(_release, _missed, never={"POST": {"other"}}),
    "releases:status:status": Case(_release),
    "releases:release_notes:notes": Case(_release),
    "releases:release_notes:markdown": Case(_release),
    "releases:release_notes:generate": Case(_release, _notes_version),
    "releases:release_notes:edit": Case(_release, _notes_said),
    "releases:release_notes:mail": Case(_release, lambda w: {"people": "mo", **_notes_version(w)}, fine=(400,)),
    "releases:release_notes:versions": Case(_release),
    "releases:release_notes:version": Case(lambda w: [w.release.slug, 1]),
    "releases:evidence:unlinked_changes": OWN,
    "releases:evidence:link": Case(_key, lambda w: {"sha": w.unlinked.sha}),
    "releases:evidence:link_here": Case(lambda w: [w.unlinked.pk], lambda w: {"key": w.story.key}),
    "releases:evidence:unlink": Case(_change_of),
    "releases:environments:list": OWN,
    "releases:environments:create": Case(body=_qa),
    "releases:environments:detail": Case(_environment),
    "releases:environments:edit": Case(_environment, _prod),
    "releases:comparison:compare": Case(_environment),
    "releases:environments:confirm": Case(lambda w: [w.guessed.slug]),
    "releases:incidents:alert_list": OWN,
    # Sources and the inbox
    "releases:inbox:hook": Case(_source, fine=(401, 405)),
    "releases:inbox:hook_without_slash": Case(_source, fine=(401, 405)),
    "releases:sources:list": OWN,
    "dead_messages:list": Case(),
    "retention:retention": Case(body=lambda w: {"events_days": "", "export_events": "on", "version": 1}),
    "dead_messages:redeliver": Case(_dead),
    "dead_messages:redeliver_all": Case(),
    "mails:list": Case(),
    "mails:resend": Case(_mail),
    "mails:resend_all": Case(),
    "mails:delete": Case(_mail),
    "releases:allowed_hosts:list": Case(body=lambda w: {"host": "ci.example.org"}),
    "releases:allowed_hosts:remove": Case(lambda w: [w.host.pk]),
    "releases:bots:list": Case(body=lambda w: {"name": "acme-bot", "is_bot": "yes"}),
    "releases:bots:remove": Case(lambda w: [w.bot.pk]),
    "releases:sources:detail": Case(_source),
    "releases:sources:create_git": Case(
        body=lambda w: {
            "url": "https://git.example.org/y.git",
            "service": "y",
            "squad": w.squad.pk,
            "line_is": "service",
        }
    ),
    "releases:sources:create_push": Case(body=lambda w: {"kind": "report", "name": "Deployments"}),
    "releases:reading:source_try": Case(_source, lambda w: {"do": "try"}, fine=(404,)),
    "releases:sources:edit": Case(_source, lambda w: {"name": "CI 2"}),
    "releases:sources:token": Case(_source),
    "releases:sources:system_choice": OWN,
    "releases:sources:system_create": Case(lambda w: ["gitlab"], lambda w: {"name": "GitLab"}),
    "releases:sources:test": Case(_source, fine=(302,)),
    "releases:sources:system_help": Case(lambda w: ["gitlab"]),
    "releases:sources:pull": Case(_git),
    "releases:sources:state": Case(_source, lambda w: {"state": "paused"}),
    "releases:sources:remove": Case(_git),
    "releases:mappings:rule_list": OWN,
    "releases:mappings:rule_create": Case(body=_rule_said),
    "releases:mappings:rule_edit": Case(_rule, _rule_said),
    "releases:mappings:rule_remove": Case(_rule),
    "releases:mappings:rule_move": Case(_rule, lambda w: {"to": "up"}),
    "releases:required_pipelines:edit": Case(_service),
    "releases:required_pipelines:require": Case(_service, lambda w: {"pipelines": "CI"}),
    "releases:monorepo:list": OWN,
    "releases:monorepo:add": Case(body=_part_said),
    "releases:monorepo:remove": Case(_part),
    "releases:mappings:unmapped": OWN,
    "releases:mappings:unmapped_resolve": Case(
        body=lambda w: {"kind": "pipeline", "name": "build", "role": "ci"}, never=MAPPERS
    ),
    "releases:reading:event_list": OWN,
    "releases:reading:event": Case(_event),
    "releases:reading:event_state": Case(_event),
    "releases:reading:event_body": Case(_event),
    "releases:reading:event_replay": Case(_event, also=ANY_SQUAD),
    "releases:reading:replay_failed": Case(also=ANY_SQUAD),
    # The API
    "docs": OWN,
    "schema": OWN,
    "api:squad-list": Case(body=_squad_new),
    "api:squad-detail": Case(_slug, lambda w: {"mission": "Pay."}),
    "api:squad-archive": Case(_slug, lambda w: {"because": "Done."}),
    "api:squad-unarchive": Case(lambda w: [w.gone.slug]),
    "api:squad-members": Case(_slug, lambda w: {"username": "reader"}),
    "api:squad-member": Case(lambda w: ["payments", "mo"]),
    "api:squad-board": Case(_slug),
    "api:search": OWN,
    "api:access": Case(body=lambda w: {"founders": "everyone", "version": 0}),
    "api:audit-entry-list": Case(),
    "api:person-list": Case(),
    "api:person-detail": Case(_inactive),
    "api:person-role": Case(_username, lambda w: {"role": "administrator"}),
    "api:person-email": Case(_username, lambda w: {"email": "r@example.org"}),
    "api:person-deactivate": Case(_username),
    "api:person-activate": Case(_inactive),
    "api:person-sign-out": Case(_username),
    "api:person-second-factor": Case(_username, fine=(400,)),
    "api:person-password-link": Case(_username),
    "api:import-list": Case(_slug, _file),
    "api:import-detail": Case(_import, lambda w: {"columns": {"title": "Title"}}),
    "api:import-run": Case(_import),
    "api:service-list": Case(body=lambda w: {"name": "ledger", "squad": "payments"}),
    "api:service-detail": Case(_service, lambda w: {"description": "x"}),
    "api:service-claim": Case(lambda w: [w.unowned.slug], lambda w: {"squad": "payments"}),
    "api:story-list": Case(body=lambda w: {"squad": "payments", "title": "Pay again"}),
    "api:story-detail": Case(_key, lambda w: {"title": "Pay twice"}),
    "api:story-answer": Case(_key),
    "api:story-progress": Case(_key, lambda w: {"to": "in_progress"}),
    # Nobody there is in both squads.
    "api:story-view-list": Case(body=lambda w: {"name": "Late", "query": "due=late"}),
    "api:story-view-detail": Case(lambda w: [w.story_view.pk], lambda w: {"name": "Later"}, fine=(404,)),
    "api:many-stories": Case(body=lambda w: {"keys": [w.story.key], "act": "priority", "priority": "high"}),
    "api:many-stories-undo": Case(lambda w: [w.many.pk], fine=(404,)),
    "api:story-accepter": Case(_key, lambda w: {"person": "mo"}, never={"POST": {"other"}}),
    "api:story-squad": Case(_key, lambda w: {"squad": "search"}, never={"POST": {"other", "member", "lead"}}),
    "api:story-evidence": Case(_key, lambda w: {"kind": "test", "note": "I tried it."}),
    "api:story-stage-changes": Case(_key),
    "api:story-take-back": Case(_by_hand, _mistaken),
    "api:label-list": Case(_slug, lambda w: {"name": "web"}),
    "api:label-detail": Case(_label, lambda w: {"name": "app"}),
    "api:attachment-list": Case(_key, lambda w: {"file": SimpleUploadedFile("a.txt", b"log")}),
    "api:attachment-detail": Case(_attached),
    "api:attachment-content": Case(_attached),
    "api:story-assignees": Case(_key, lambda w: {"person": "mo"}),
    "api:story-ticks": Case(_key, lambda w: {"checklist": "acceptance_criteria", "line": CRITERION, "met": True}),
    "api:story-place": Case(_key, lambda w: {"to": "in_progress", "after": w.blocked.key}),
    "api:story-cancel": Case(_key, lambda w: {"because": "Nobody needs it."}),
    "api:story-duplicate": Case(_key, lambda w: {"key": w.blocked.key}),
    "api:story-reopen": Case(_ended),
    "api:story-delete": Case(_ended),
    "api:story-block": Case(_key, lambda w: {"because": "the bank"}),
    "api:story-unblock": Case(_blocked),
    "api:story-change-list": Case(_key, lambda w: {"sha": w.unlinked.sha}),
    "api:story-change-detail": Case(_change_of),
    "api:comment-list": Case(_key, _said),
    "api:comment-detail": Case(_comment, _said, never=only("member")),
    "api:relation-list": Case(_key, lambda w: {"relation": "duplicates", "key": w.blocked.key}),
    "api:relation-detail": Case(_relation),
    "api:acceptance-request-list": Case(_running, lambda w: {"note": "Look at the log."}),
    "api:acceptance-request-answer": Case(_by_squad, _accepted, never=only("member")),
    "api:acceptance-request-withdraw": Case(_by_squad),
    "api:release-list": Case(body=_version),
    "api:release-detail": Case(_release, lambda w: {"notes": "x"}),
    "api:release-board": Case(_release),
    "api:release-comparison": Case(fine=(400,)),
    "api:release-progress": Case(_release),
    "api:release-scope-list": Case(_release),
    "api:calendar": OWN,
    "api:calendar-address-list": Case(body=lambda w: {"name": "phone"}),
    "api:calendar-address-detail": Case(lambda w: [w.address.pk], fine=(404,)),
    "api:release-train-list": Case(body=_train_said),
    "api:release-train-detail": Case(_train_pk, lambda w: {"weeks": 3}),
    "api:release-train-state": Case(_train_pk, lambda w: {"state": "paused"}),
    "api:release-train-existing": Case(_train_pk),
    "api:release-train-departures": Case(_train_pk),
    "api:release-missed": Case(
        _release, lambda w: {"to": w.later.slug, "stories": [w.missed.key]}, never={"POST": {"other"}}
    ),
    "api:release-status": Case(_release),
    "api:release-notes": Case(_release, _notes_said),
    "api:release-notes-markdown": Case(_release),
    "api:release-notes-generation": Case(_release, _notes_version),
    "api:release-notes-mail": Case(_release, lambda w: {"people": ["mo"], **_notes_version(w)}, fine=(400,)),
    "api:release-notes-versions": Case(_release),
    "api:release-contents": Case(_release),
    "api:release-content": Case(
        _content, lambda w: {"sha": "a" * 40}, also={"PUT": {"manager"}, "DELETE": {"manager"}}
    ),
    "api:release-schema-changes": Case(_content, _named_said, also={"PUT": {"manager"}}),
    "api:schema-patterns": Case(body=lambda w: {"patterns": ["**/*.sql"]}),
    "api:service-schema-patterns": Case(_service, lambda w: {"patterns": ["**/*.sql"]}, also={"PUT": {"manager"}}),
    "api:deploy-order-list": Case(body=lambda w: {"first": "checkout", "then": "worker"}, also={"POST": {"manager"}}),
    "api:deploy-order-detail": Case(lambda w: [w.order.pk], also={"DELETE": {"manager"}}),
    "api:release-abandon": Case(_release, lambda w: {"because": "No budget."}),
    "api:release-resume": Case(lambda w: [w.abandoned.slug], lambda w: {}),
    "api:release-stories": Case(_release, lambda w: {"stories": [w.story.key]}, never={"POST": {"other"}}),
    "api:release-forecast": Case(_release),
    "api:release-readiness": Case(_release),
    "api:release-learning-list": Case(_release),
    "api:release-learning-read": Case(_to_read, _text_version, fine=(409,)),
    "api:gate-override-list": Case(_release, _override),
    "api:gate-override-detail": Case(lambda w: [w.release.slug, w.overridden.pk]),
    "api:flag-need-list": Case(_release, lambda w: {"flag": "video", "on": True}),
    "api:flag-need-detail": Case(lambda w: [w.release.slug, w.need.pk], never=LEADS_OWN),
    "api:checklist-list": Case(_release, lambda w: {"text": "Tell sales"}),
    "api:checklist-detail": Case(_item, never=LEADS_OWN),
    # What isn’t ticked can’t be unticked: 409 says so.
    "api:checklist-tick": Case(_item, fine=(409,)),
    "api:line-checklist-list": Case(body=lambda w: {"text": "Tell sales", "line": "Shop"}),
    "api:line-checklist-detail": Case(lambda w: [w.line_item.pk]),
    "api:gate-template-list": Case(body=_gate_template),
    "api:gate-template-detail": Case(lambda w: [w.gates.pk]),
    "api:gate-template-preview": Case(body=_gate_template),
    "api:outside-check-list": Case(body=_outside),
    "api:outside-check-detail": Case(lambda w: [w.check.pk]),
    "api:outside-check-ask": Case(_release),
    "api:deployment-checks": Case(fine=(400,)),
    "api:deployment-checks-argo-rollouts": Case(fine=(400,)),
    "api:service-deployment-checks": Case(_service),
    "api:release-deployment-checks": Case(_release),
    "api:service-deployment-check-token-list": Case(_service, lambda w: {"name": "Jenkins", "days": 7}),
    "api:service-deployment-check-token-detail": Case(lambda w: [w.service.slug, w.check_token.pk]),
    "api:release-snapshot-list": Case(_release, lambda w: {"note": "Before it goes out"}),
    "api:snapshot-list": OWN,
    "api:snapshot-detail": Case(lambda w: [w.snapshot.sha256]),
    "api:snapshot-document": Case(lambda w: [w.snapshot.sha256]),
    "api:release-link-list": Case(_release, lambda w: {"days": 7}),
    "api:release-link-detail": Case(lambda w: [w.release.slug, w.link.pk]),
    "api:release-accepters": Case(
        _release, lambda w: {"person": "mo", "stories": [w.planned.key]}, never={"POST": {"other"}}
    ),
    "api:release-approval-list": Case(_release, lambda w: {"kind": "managers"}),
    "api:release-approval-answer": Case(
        _approval, lambda w: {"answer": "declined", "note": "No."}, never=only("other")
    ),
    "api:release-approval-withdraw": Case(_approval, never=only("member", "manager", "administrator")),
    "api:attribution-list": Case(
        body=lambda w: {"incident": w.incident.key, "deployment": str(w.attribution.deployment_id), "reason": "Seen."}
    ),
    "api:attribution-answer": Case(lambda w: [w.attribution.pk], lambda w: {"accepted": True, "reason": "Seen."}),
    "api:incident-list": Case(body=lambda w: {"title": "Slow"}),
    "api:incident-detail": Case(_incident, lambda w: {"title": "Slow"}),
    "api:incident-updates": Case(_incident, lambda w: {"text": "Looked at it."}),
    "api:incident-corrections": Case(_incident),
    "api:incident-merge": Case(_incident, lambda w: {"into": w.attribution.incident.key, "because": "The same."}),
    "api:incident-undo-merge": Case(lambda w: [w.merged.key], lambda w: {"because": "Another."}),
    "api:incident-move": Case(_incident, lambda w: {"state": "reopened"}),
    "api:incident-undo-split": Case(lambda w: [w.split_off.key], lambda w: {"because": "The same."}),
    "api:incident-split": Case(
        _incident, lambda w: {"reports": [str(w.incident.reports.get().pk)], "title": "Other", "because": "Another."}
    ),
    "api:severity-list": Case(body=lambda w: {"name": "Minor", "order": 2}),
    "api:severity-detail": Case(lambda w: [w.severity.pk], lambda w: {"meaning": "Many are affected."}),
    "api:incident-reports": Case(_incident),
    "api:freeze-list": Case(body=_freeze_said),
    "api:freeze-detail": Case(_freeze, lambda w: {"name": "Later"}),
    "api:freeze-times": Case(_freeze),
    "api:freeze-soon": OWN,
    "api:freeze-read-calendar": Case(body=lambda w: {"calendar": ICS}),
    "api:freeze-lift-list": Case(
        body=lambda w: {**_lift_said(w), "freeze": w.freeze.pk, "expires_at": f"{_lift_said(w)['expires_at']}:00Z"},
    ),
    "api:freeze-lift-detail": Case(lambda w: [w.lift.pk]),
    "api:environment-list": Case(body=_qa),
    "api:environment-detail": Case(_environment, lambda w: {"location": "Utrecht"}),
    "api:environment-comparison": Case(_environment),
    "api:environment-confirmation": Case(lambda w: [w.guessed.slug], lambda w: {}),
    "api:deployment-list": Case(body=lambda w: {"service": "checkout", "environment": "prod", "version": "1"}),
    "api:run-list": Case(body=lambda w: {"id": "7", "service": "checkout", "outcome": "success", "commit": "abcdef1"}),
    "api:acceptance-run-list": Case(body=lambda w: {"environment": "prod", "story": "PAY-1", "outcome": "passed"}),
    "api:flag-state-list": Case(body=lambda w: {"flag": "photo", "environment": "prod", "on": True}),
    "api:source-list": OWN,
    "api:source-detail": Case(_idle, lambda w: {"name": "CI 3"}),
    "api:source-git": Case(
        body=lambda w: {"url": "https://git.example.org/z.git", "service": "z", "squad": "payments"}
    ),
    # Nobody answers at this address: 400 says so.
    "api:source-git-preview": Case(
        body=lambda w: {"url": "https://git.example.invalid/z.git", "squad": "payments"}, fine=(400,)
    ),
    "api:source-push": Case(body=lambda w: {"kind": "report", "name": "Deployments"}),
    "api:source-system": Case(body=lambda w: {"kind": "sensu", "name": "Sensu"}),
    # A source that only sends cannot be tried: 400 says so.
    "api:source-test": Case(_source, fine=(400,)),
    "api:source-secret": Case(_source),
    "api:source-pull": Case(_git),
    "api:source-pause": Case(_idle),
    "api:retention": Case(body=lambda w: {"events_days": 400}),
    "api:dead-message-list": Case(),
    "api:dead-message-detail": Case(_dead),
    "api:dead-message-redeliver": Case(_dead),
    "api:dead-message-redeliver-all": Case(),
    "api:mail-list": Case(),
    "api:mail-detail": Case(_mail),
    "api:mail-resend": Case(_mail),
    "api:mail-resend-all": Case(),
    "api:allowed-host-list": Case(body=lambda w: {"host": "ci.example.org"}),
    "api:allowed-host-detail": Case(lambda w: [w.host.host]),
    "api:bot-list": Case(body=lambda w: {"name": "acme-bot"}),
    "api:bot-detail": Case(lambda w: [w.bot.pk]),
    "api:mapping-rule-list": Case(body=_rule_said),
    "api:mapping-rule-detail": Case(_rule, _rule_said),
    "api:required-pipelines-list": Case(body=lambda w: {"service": w.service.slug, "pipelines": ["CI"]}),
    "api:required-pipelines-detail": Case(_service),
    "api:repository-part-list": Case(body=_part_said),
    "api:repository-part-detail": Case(_part),
    "api:unmapped": OWN,
    "api:merger-list": Case(body=lambda w: {"kind": "service", "name": w.twin.name, "into": w.service.name}),
    "api:event-list": OWN,
    "api:event-detail": Case(_event),
    "api:event-replay": Case(_event, also=ANY_SQUAD),
    "api:event-replay-failed": Case(also=ANY_SQUAD),
}
CASES |= cases(Case) | session_cases.cases(Case)
