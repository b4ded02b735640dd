"""Reading the facts that the gates of releases judge: for any number of releases in one number of queries.

What isn't known is left unknown here, never filled in.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import F, Q, QuerySet
from django.urls import reverse

from portal.kernel import clock
from portal.kernel.among import Among, Given
from portal.kernel.one_query import Asked, Together, document, identity, moment, number, text, truth
from portal.kernel.prepared import Prepared
from releases.approvals.content import content_of, digest_of
from releases.approvals.named_people import words_of
from releases.approvals.queries import ApprovalNow, approvals_of
from releases.contents.queries import Contents, ServiceContent, contents_of
from releases.freezes.queries import FreezeNow, ReleaseFreezes, freezes_for
from releases.gates.facts import (
    ApprovalFact,
    ChecklistFact,
    FlagNeed,
    FreezeFact,
    LackingFact,
    LearningFact,
    LearningReadFact,
    LiftFact,
    OutsideFact,
    ReleaseFacts,
    SchemaChangeFact,
    ServiceFact,
    SquadFact,
    StoryFact,
)
from releases.gates.findings import Override
from releases.gates.parameters import GateSetting
from releases.gates.readiness import DEFAULT
from releases.gates.sign_offs import OF
from releases.outside_checks.models import OutsideAnswer, OutsideCheck
from releases.planning.models import Release
from releases.readiness import models
from releases.readiness.production_inputs import ProductionInputs, production_inputs
from releases.readiness.service_inputs import ServiceInputs, service_inputs
from squads.acceptance.queries import accepter_name, name_of, planned_name
from squads.judge.brief import say_briefly
from squads.models import Story
from squads.stories.cards import SINCE_AS_TEXT

EVERY_LINE = ""
# The gates, and the keys of sources that watch every service.
Template = tuple[tuple[GateSetting, ...], frozenset[str]]


TEMPLATE = {"line": text, "gates": document, "monitors": document}
NEED = {"release_id": identity, "flag": text, "on": truth, "audience": text}
ITEM = {"pk": number, "release_id": identity, "line": text, "text": text, "who": text}
TICK = {"item_id": number, "release_id": identity, "name": text, "at": moment}
OVERRIDE = {
    "release_id": identity,
    "gate": text,
    "name": text,
    "at": moment,
    "reason": text,
    "until": moment,
    "covers": document,
    "pk": text,
}
CHECK = {"pk": number, "release_id": identity, "line": text, "name": text}
ANSWER = {
    "of_id": number,
    "release_id": identity,
    "outcome": text,
    "detail": text,
    "at": moment,
    "since": moment,
    "content": text,
}
READ = {"release_id": identity, "retrospective_id": identity, "name": text, "at": moment, "version": number}
NOT_OF_THIS = "It wasn’t asked about what ships now."


class StoryRow(NamedTuple):
    """A story, as it is read."""

    pk: int
    key: str
    stage: str
    since: str | None
    squad_id: int
    squad: str
    slug: str
    batch_limit: int | None
    flag: str
    audience: str
    standing: dict[str, Any]
    accepter: str | None
    planned: str | None


@dataclass(slots=True)
class Said:
    """What people said about the readiness of releases."""

    templates: dict[str, Template] = field(default_factory=dict)
    needs: dict[UUID, list[FlagNeed]] = field(default_factory=lambda: defaultdict(list))
    items: list[tuple[int, UUID | None, str, str, str]] = field(default_factory=list)
    ticks: dict[tuple[int, UUID], tuple[str, datetime]] = field(default_factory=dict)
    overrides: dict[UUID, list[Override]] = field(default_factory=lambda: defaultdict(list))
    checks: list[tuple[int, UUID | None, str, str]] = field(default_factory=list)
    # Each with the digest of the content that it is about.
    answers: dict[tuple[int, UUID], tuple[OutsideFact, str]] = field(default_factory=dict)
    # Who read which retrospective, by its id.
    reads: dict[tuple[UUID, str], list[LearningReadFact]] = field(default_factory=lambda: defaultdict(list))
    owners: dict[int, str] = field(default_factory=dict)
    approvers: dict[str, str] = field(default_factory=dict)

    def template_of(self, release: Release) -> Template:
        """Return the gates that a release is judged by, and the sources that watch all its services by somebody's word."""
        own = self.templates.get(release.line) or self.templates.get(EVERY_LINE)
        return own or (DEFAULT, frozenset())

    def reads_learnings(self, release: Release) -> bool:
        """Say whether retrospectives have to be read for a release."""
        return any(each.gate == "learnings" for each in self.template_of(release)[0])

    def name_approvers(self, releases: Iterable[Release]) -> None:
        """Read who has to approve by the templates of these releases, in words."""
        used = (self.template_of(each)[0] for each in releases)
        self.approvers = words_of(sorted({key for gates in used for key in approvers_in(gates)}))


@dataclass(frozen=True, slots=True)
class Inputs:
    """What one release is judged by."""

    facts: ReleaseFacts
    template: tuple[GateSetting, ...]
    overrides: tuple[Override, ...]
    # What the release ships, as the facts have it.
    contents: Contents
    # Whether the release's line has gates of its own.
    has_own_template: bool = False


def inputs_of(
    releases: Iterable[Release], *, at: datetime | None = None, templates: Mapping[str, Template] | None = None
) -> dict[UUID, Inputs]:
    """Read what these releases are judged by at a moment, now unless given; `queries.readiness_of` says in how many queries.

    `templates` are taken instead of those that are saved, by line.
    """
    rows, at = list(releases), at or clock.now()
    if not rows:
        return {}
    contents = contents_of(rows)
    approvals = approvals_of(contents)
    said = _read_said(rows)
    said.templates |= templates or {}
    said.name_approvers(rows)
    stories = _read_stories(contents.values())
    shipped = [service for each in contents.values() for service in each.services]
    services = service_inputs(shipped)
    flags = {row.flag for row in stories.values() if row.flag} | {n.flag for some in said.needs.values() for n in some}
    learned = {each.service for row in rows if said.reads_learnings(row) for each in contents[row.pk].services}
    production = production_inputs({each.service: each.name for each in shipped}, flags, learned)
    freezes = freezes_for(rows, contents=contents, at=at)
    limits = {row.slug: SquadFact(row.squad, row.slug, row.batch_limit) for row in stories.values()}
    owners = {each.name: (each.squad, each.squad_slug) for each in shipped}
    found, prefix = {}, reverse("squads:stories:list")
    for release in rows:
        own, given = freezes[release.pk], approvals[release.pk]
        reader = _Reader(
            release,
            contents[release.pk],
            said,
            stories,
            services,
            production,
            own,
            limits,
            owners,
            at,
            prefix,
            given,
        )
        overrides = tuple(said.overrides[release.pk])
        has_own = release.line in said.templates and release.line != EVERY_LINE
        found[release.pk] = Inputs(reader.facts(), said.template_of(release)[0], overrides, reader.contents, has_own)
    return found


def approvers_in(gates: Iterable[GateSetting]) -> list[str]:
    """Return who has to approve always by these gates, as it is kept."""
    return [key for each in gates for key in each.values.get(OF.name, ()) if each.gate == "approvals"]


def _read_stories(contents: Iterable[Contents]) -> dict[int, StoryRow]:
    ids = sorted({pk for each in contents for pk, _ in each.stories})
    return {row[0]: StoryRow(*row) for row in STORIES.rows(ids=ids)} if ids else {}


def _stories() -> "QuerySet[Story, Any]":
    rows = Story.objects.filter(Among(F("pk"), Given("ids"))).order_by()
    columns: tuple[Any, ...] = (
        *("pk", "key", "stage", SINCE_AS_TEXT, "squad_id", "squad__name", "squad__slug", "squad__batch_limit"),
        *("flag", "audience", "standing", "who", "planned"),
    )
    return rows.annotate(who=accepter_name(), planned=planned_name()).values_list(*columns)


STORIES = Prepared(_stories)


def _read_said(releases: list[Release]) -> Said:
    """Read all that people said, in one query."""
    owners = [pk for each in releases if (pk := each.owner_id) is not None]
    lines = sorted({EVERY_LINE, *(each.line for each in releases)})
    return _said(SAID.rows(releases=[each.pk for each in releases], lines=lines, owners=owners))


def _asked_of_people() -> list[Asked]:
    theirs, line = Among(F("release"), Given("releases")), Among(F("line"), Given("lines"))
    of_one = Q(theirs) | Q(Q(line), release=None)
    people: QuerySet[Any] = get_user_model().objects.filter(Among(F("pk"), Given("owners")))
    own = models.FlagNeed.objects.filter(theirs)
    items = models.ChecklistItem.objects.filter(of_one, removed_at=None)
    ticks = models.ChecklistTick.objects.filter(theirs, unticked_at=None).annotate(name=name_of("by"))
    overrides = models.GateOverride.objects.filter(theirs, withdrawn_at=None).annotate(name=name_of("by"))
    checks = OutsideCheck.objects.filter(of_one, removed_at=None)
    reads = models.LearningRead.objects.filter(theirs, withdrawn_at=None).annotate(name=name_of("by"))
    return [
        Asked(models.GateTemplate.objects.filter(line), TEMPLATE),
        Asked(own, NEED),
        Asked(items, ITEM),
        Asked(ticks, TICK),
        Asked(overrides, OVERRIDE),
        Asked(checks, CHECK),
        Asked(OutsideAnswer.objects.filter(theirs), ANSWER),
        Asked(reads, READ),
        Asked(people.annotate(said_name=name_of()), {"pk": number, "said_name": text}),
    ]


SAID = Together(_asked_of_people)


def _said(rows: list[list[tuple[Any, ...]]]) -> Said:
    templates, needs, items, ticks, overrides, checks, answers, reads, people = rows
    said = Said(owners=dict(people), items=sorted(items), checks=sorted(checks, key=lambda row: (row[3], row[0])))  # type: ignore[arg-type]
    for line, gates, monitors in templates:
        said.templates[line] = models.read(gates), frozenset(monitors)
    for release, *need in sorted(needs, key=lambda row: row[1]):
        said.needs[release].append(FlagNeed(*need))
    for item, release, name, at in ticks:
        said.ticks[item, release] = name, at
    for release, gate, by, at, reason, until, covers, pk in sorted(overrides, key=lambda row: (row[3], row[7])):
        said.overrides[release].append(Override(gate, by, at, reason, until, frozenset(covers), pk))
    for check, release, outcome, detail, at, since, content in answers:
        said.answers[check, release] = OutsideFact(str(check), "", outcome, detail, at, since), content
    for release, retrospective, by, at, version in sorted(reads, key=lambda row: (row[3], row[2])):
        said.reads[release, str(retrospective)].append(LearningReadFact(by, at, version))
    return said


def _freeze(each: FreezeNow) -> FreezeFact:
    return FreezeFact(each.name, each.reason, each.starts, each.ends, each.services, each.url)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Puts together what is known about one release."""

    release: Release
    contents: Contents
    said: Said
    stories: Mapping[int, StoryRow]
    services: ServiceInputs
    production: ProductionInputs
    freezes: ReleaseFreezes
    squads: Mapping[str, SquadFact]
    owners: Mapping[str, tuple[str, str]]
    at: datetime
    # Where the addresses of stories begin: asking for each takes longer than all else about it.
    story_prefix: str
    approvals: tuple[ApprovalNow, ...]

    def facts(self) -> ReleaseFacts:
        """Return the facts."""
        release, production = self.release, self.production
        stories = tuple(self._story(self.stories[pk]) for pk, _ in self.contents.stories if pk in self.stories)
        names = {each.name for each in self.contents.services} | {""}
        needs, content = tuple(self.said.needs[release.pk]), digest_of(content_of(self.contents))
        flags = {story.flag for story in stories if story.flag} | {need.flag for need in needs}
        return ReleaseFacts(
            at=self.at,
            name=str(release),
            url=reverse("releases:readiness:readiness", args=[release.slug]),
            owner=self.said.owners.get(release.owner_id or 0, ""),
            content=content,
            stories=stories,
            services=tuple(self._service(each) for each in self.contents.services),
            unclaimed=self.contents.unclaimed,
            squads=tuple(self.squads[slug] for slug in sorted({story.squad_slug for story in stories})),
            incidents=tuple(each for each in production.incidents if each.service in names),
            flags=tuple(each for each in production.flags if each.flag in flags),
            flags_heard={flag: at for flag, at in production.flags_heard.items() if flag in flags},
            flag_needs=needs,
            freezes=tuple(_freeze(each) for each in self.freezes.holding),
            lifts=tuple(
                LiftFact(_freeze(each.freeze), each.by, each.at, each.reason, each.expires_at)
                for each in self.freezes.lifted
            ),
            approvals=tuple(self._approvals()),
            approvers=tuple(
                (each, self.said.approvers[each]) for each in self._approvers() if each in self.said.approvers
            ),
            checklist=tuple(self._checklist()),
            outside=tuple(self._outside(content)),
            learnings=tuple(self._learnings()) if self.said.reads_learnings(release) else None,
        )

    def _story(self, row: StoryRow) -> StoryFact:
        standing = row.standing or {}
        owner = next(
            (each["owner"] for each in standing.get("answer", ()) if isinstance(each, dict) and each.get("owner")), ""
        )
        squad, slug = self.owners.get(owner, ("", ""))
        who = f"squad {squad}" if squad else f"{owner}: no owner" if owner else ""
        return StoryFact(
            key=row.key,
            stage=row.stage,
            since=moment(row.since) if row.since else None,
            squad=row.squad,
            squad_slug=row.slug,
            lacks=say_briefly(standing, at=self.at),
            who=who,
            who_slug=slug,
            gaps=tuple(standing.get("gaps", ())),
            flag=row.flag,
            audience=row.audience or "everyone",
            accepter=row.accepter or "",
            unable="" if row.accepter else row.planned or "",
            services=tuple(self.contents.services_of.get(row.pk, ())),
            changes=self.contents.changes_of.get(row.pk, ()),
            url=f"{self.story_prefix}{row.key}/",
        )

    def _service(self, content: ServiceContent) -> ServiceFact:
        pk, commit = content.service, (content.service, content.sha)
        _, monitors = self.said.template_of(self.release)
        watched, since = self.production.watched(pk, monitors)
        ended = self.production.ended.get(pk)
        return ServiceFact(
            name=content.name,
            slug=content.slug,
            squad=content.squad,
            squad_slug=content.squad_slug,
            sha=content.sha,
            digest=content.digest,
            purl=content.purl,
            why=content.why,
            runs=self.services.runs.get(commit, ()),
            missing_pipelines=self.services.missing.get(commit, ()),
            checks=self.services.checks.get(pk, ()),
            places=self.services.places.get(pk, ()),
            schema_changes=tuple(
                SchemaChangeFact(each.sha, each.path, each.kind, each.at, each.url) for each in content.schema_changes
            ),
            unread=content.unread,
            lacking=tuple(LackingFact(each.story, each.sha, each.is_known) for each in content.lacking),
            made_from=content.made_from,
            production_unknown=content.production_unknown,
            after=content.after,
            watched_at=watched,
            calm_since=max(filter(None, (since, ended)), default=None) if watched else None,
            url=reverse("squads:teams:service", args=[content.slug]),
        )

    def _approvals(self) -> Iterable[ApprovalFact]:
        for each in self.approvals:
            why = " ".join(each.why_void)
            yield ApprovalFact(
                str(each.approval),
                each.asked_of,
                each.state,
                each.by,
                each.at,
                each.note,
                why,
                url=each.url,
                asked_of=each.key,
            )

    def _approvers(self) -> Iterable[str]:
        gates, _ = self.said.template_of(self.release)
        return approvers_in(gates)

    def _checklist(self) -> Iterable[ChecklistFact]:
        for pk, release, line, words, who in self.said.items:
            if release in (None, self.release.pk) and line in (EVERY_LINE, self.release.line):
                by, at = self.said.ticks.get((pk, self.release.pk), ("", None))
                yield ChecklistFact(str(pk), words, by, at, who)

    def _outside(self, content: str) -> Iterable[OutsideFact]:
        for pk, release, line, name in self.said.checks:
            if release in (None, self.release.pk) and line in (EVERY_LINE, self.release.line):
                never = OutsideFact(str(pk), name, "", "", None, None)
                known, about = self.said.answers.get((pk, self.release.pk), (never, ""))
                # What was said of something else says nothing.
                if known.at is not None and about != content:
                    known = replace(known, outcome="", detail=NOT_OF_THIS, since=None)
                yield replace(known, name=name)

    def _learnings(self) -> Iterable[LearningFact]:
        ships = {each.name for each in self.contents.services}
        for each in self.production.learnings:
            services = tuple(name for name in each.services if name in ships)
            if services:
                yield replace(each, services=services, reads=tuple(self.said.reads.get((self.release.pk, each.id), ())))
