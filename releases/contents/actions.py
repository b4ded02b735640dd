"""What people, and CI for them, say about what releases ship. The pages and the API call these same verbs."""

from collections.abc import Sequence

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.kernel import audit, clock
from portal.kernel.actors import Actor, Anyone
from portal.kernel.locks import hold
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from portal.kernel.text_input import plain
from portal.kernel.transitions import ChangedMeanwhile, signed
from releases.artifacts.purls import digest_in
from releases.contents.models import AskedPattern, DeployOrder, ReleaseContent, SchemaNaming, SchemaPatterns
from releases.contents.patterns import asked_patterns, patterns_of
from releases.contents.release_facts import commits_of_artifact
from releases.events import ReleaseSaved
from releases.inbox.models import Source
from releases.pipelines.models import Change, RepositoryPart
from releases.pipelines.relation_lookup import FULL_SHA
from releases.planning.models import Release
from releases.providers import parse, schema_files
from releases.providers.monorepo_paths import innermost_prefix
from squads.models import Service, Squad
from squads.teams.permissions import may_plan_for

CONTENT, NAMING, PATTERNS, ORDER = "release content", "schema change", "schema files", "deploy order"
CHOSEN, FOUND = "chosen", "found"
LONGEST_CONFIGURATION = 200
# As many as anybody keeps track of.
MOST_ORDERS = 500
# Git is asked by every pattern that ever was in force.
MOST_ASKED = 1000


def check_chooser(service: Service, by: Anyone) -> None:
    """Refuse whoever may not say what a release ships of a service: project managers and members of its squad may."""
    if service.squad is None:
        allowed = by.is_authenticated and (by.is_staff or by.is_project_manager)
    else:
        allowed = may_plan_for(service.squad, by)
    if not allowed:
        who = f"members of {service.squad}" if service.squad else "administrators, as it has no owner,"
        raise PermissionDenied(f"Only project managers and {who} can say what a release ships of {service}.")


def may_decide(by: Anyone, *squads: Squad | None) -> bool:
    """Say whether this person may set rules for services of these squads: project managers, their leads, administrators."""
    if not by.is_authenticated:
        return False
    return by.is_staff or by.is_project_manager or any(squad is not None and squad.is_led_by(by) for squad in squads)


def check_decider(service: Service | None, by: Anyone) -> None:
    """Refuse whoever may not say which files are schema changes of a service, or of the company."""
    if not may_decide(by, *([service.squad] if service else [])):
        who = f"leads of {service.squad}, " if service and service.squad else ""
        what = "which files are schema changes"
        raise PermissionDenied(f"Only {who}project managers and administrators can change {what}.")


@transaction.atomic
def choose_content(
    release: Release,
    service: Service,
    *,
    by: Actor,
    sha: str = "",
    purl: str = "",
    configuration: str = "",
    version: int | None = None,
) -> ReleaseContent:
    """Choose what a release ships of a service, instead of what is found. What is left empty is found still.

    `version` is that of the choice that the person saw, 0 for none; None doesn't look. Choosing the same again changes
    nothing. Raises ValidationError naming the field, ChangedMeanwhile, or PermissionDenied.
    """
    check_chooser(service, by)
    said = {
        "sha": _full_sha(sha, service),
        "purl": _whole_purl(purl),
        "configuration": _configuration(configuration),
    }
    if not any(said.values()):
        raise ValidationError({"sha": "Enter a commit, an artifact or a version of configuration."})
    _check_origin(said["sha"], said["purl"])
    Release.objects.select_for_update().get(pk=release.pk)
    row = _seen(release, service, version)
    if row is not None and all(getattr(row, name) == value for name, value in said.items()):
        return row
    before = _described(row)
    row = row or ReleaseContent(release=release, service=service, version=0)
    row.sha, row.purl, row.configuration = said["sha"], said["purl"], said["configuration"]
    row.by, row.at, row.version = by, clock.now(), row.version + 1
    row.save()
    _note_content(row, before, _described(row), by)
    return row


@transaction.atomic
def clear_content(release: Release, service: Service, *, by: Actor, version: int | None = None) -> None:
    """Take back what was chosen of a service: it is found again. Saying it twice changes nothing."""
    check_chooser(service, by)
    Release.objects.select_for_update().get(pk=release.pk)
    row = _seen(release, service, version)
    if row is None:
        return
    _note_content(row, _described(row), "", by)
    row.delete()


def _seen(release: Release, service: Service, version: int | None) -> ReleaseContent | None:
    row = ReleaseContent.objects.filter(release=release, service=service).first()
    if version is not None and version != (row.version if row else 0):
        raise ChangedMeanwhile(f"what {release} ships of {service}")
    return row


def content_key(release: Release, service: Service) -> str:
    """Return what the history of a service's choices in a release is kept under."""
    return f"{release.pk} {service.slug}"[:200]


def _note_content(row: ReleaseContent, before: str, after: str, by: Actor) -> None:
    because = f"{before or 'nothing chosen'} → {after or 'nothing chosen'}"
    _note(
        CONTENT,
        content_key(row.release, row.service),
        CHOSEN if before else FOUND,
        CHOSEN if after else FOUND,
        because,
        by,
    )
    did = f"chose that {row.release} ships {after} of {row.service}" if after else ""
    did = did or f"cleared what {row.release} ships of {row.service} ({before})"
    audit.record(by=by, did=did, kind="release", key=row.release.slug)
    publish(ReleaseSaved(ids=[str(row.release_id)]))


def _described(row: ReleaseContent | None) -> str:
    if row is None:
        return ""
    words = [row.sha, row.purl, f"configuration {row.configuration}" if row.configuration else ""]
    return ", ".join(filter(None, words))


def _note(kind: str, key: str, before: str, after: str, because: str, by: Actor) -> None:
    StateChange.objects.create(
        kind=kind,
        key=key,
        from_state=before[:40],
        to_state=after[:40],
        by=by,
        because=signed(by, because)[:2000],
        at=clock.now(),
    )


def _full_sha(text: str, service: Service) -> str:
    """Return a full sha; the beginning of one where exactly one commit of the service begins so."""
    text = plain(text)
    if not text:
        return ""
    sha = parse.sha(text)
    if not sha:
        raise ValidationError({"sha": "Enter a commit sha, such as 4f2a91c0…: 7 to 64 hexadecimal digits."})
    if len(sha) >= FULL_SHA:
        return sha
    parts = RepositoryPart.objects.filter(service=service).values("repository")
    own = Change.objects.filter(sha__startswith=sha)
    own = own.filter(repository__service=service) | own.filter(repository__in=parts)
    found = list(own.order_by().values_list("sha", flat=True).distinct()[:2])
    if len(found) != 1:
        many = "Several commits begin" if found else f"No known commit of {service} begins"
        raise ValidationError({"sha": f"{many} with {sha}. Enter the full sha."})
    return found[0]


def _whole_purl(text: str) -> str:
    text = plain(text)
    if not text:
        return ""
    if not text.lower().startswith("pkg:"):
        raise ValidationError({"purl": "Enter a purl, such as pkg:oci/checkout@sha256:4f5e…."})
    if len(text) > parse.LONGEST_PURL:
        raise ValidationError({"purl": f"Enter a purl of at most {parse.LONGEST_PURL} characters."})
    purl = parse.purl(text, "purl")
    if len(purl) > parse.LONGEST_PURL:
        raise ValidationError({"purl": f"Enter a purl of at most {parse.LONGEST_PURL} characters."})
    if not digest_in(purl):
        raise ValidationError(
            {
                "purl": "This purl names no digest, so it may mean several artifacts. Add one: …@sha256:4f5e… or ?checksum=…."
            }
        )
    return purl


def _check_origin(sha: str, purl: str) -> None:
    """Refuse an artifact that was made from another commit than the one that is chosen with it."""
    origins = commits_of_artifact(purl) if sha and purl else []
    if origins and not any(sha.startswith(each) for each in origins):
        remedy = "Choose an artifact of that commit, or leave the commit empty."
        raise ValidationError({"purl": f"This artifact was made from {origins[0][:7]}, not from {sha[:7]}. {remedy}"})


def _configuration(text: str) -> str:
    text = plain(text)
    if len(text) > LONGEST_CONFIGURATION:
        raise ValidationError({"configuration": f"Enter at most {LONGEST_CONFIGURATION} characters."})
    return text


# Schema changes


@transaction.atomic
def name_schema_change(change: Change, path: str, kind: str, *, by: Actor) -> None:
    """Call a file of a change an expanding or a contracting schema change; with kind "", take back what a person said.

    It counts before what the commit message says. Raises ValidationError naming the field, or PermissionDenied.
    """
    if kind not in ("", *schema_files.KINDS):
        raise ValidationError({"kind": "Choose expand or contract, or nothing to take it back."})
    service = service_of(change, path)
    if service is None or path not in {*change.files, *change.told_paths} or not _is_schema(service, path):
        raise ValidationError({"path": f"{change!s} has no schema change in “{path[:100]}”."})
    check_chooser(service, by)
    pk = SchemaNaming.stable_id_of(change.pk, path)
    row = SchemaNaming.objects.select_for_update().filter(pk=pk).first()
    before = row.kind if row else ""
    if before == kind:
        return
    if kind:
        row = row or SchemaNaming(change=change, path=path)
        row.kind, row.by, row.at = kind, by, clock.now()
        row.save()
    elif row is not None:
        row.delete()
    key = f"{change.pk} {pk}"
    _note(NAMING, key, before, kind, f"{path} of {change.sha[:12]} in {change.repository}", by)
    did = f"called {path[:200]} of {change.sha[:12]} in {change.repository} {kind or 'nothing any more'}"
    audit.record(by=by, did=did, kind="release", key=str(change.repository))
    if change.release_id is not None:
        publish(ReleaseSaved(ids=[str(change.release_id)]))


def service_of(change: Change, path: str) -> Service | None:
    """Return the service that a file of a change belongs to."""
    parts = RepositoryPart.objects.filter(repository=change.repository_id).select_related("service__squad")
    by_prefix = {part.prefix: part.service for part in parts}
    prefix = innermost_prefix(path, by_prefix)
    return by_prefix[prefix] if prefix else change.repository.service


def _is_schema(service: Service, path: str) -> bool:
    return schema_files.matches(path, tuple(patterns_of(service).patterns))


@transaction.atomic
def set_patterns(
    service: Service | None, patterns: Sequence[str], *, by: Actor, version: int | None = None
) -> SchemaPatterns:
    """Say which files are schema changes of a service, or of the company's services without patterns of their own.

    None at all goes back to those of the company, or the default ones. Where git wasn't asked by one of them yet, it is
    with the next pull. `version` is that of the row that the person saw, 0 for none; None doesn't look.
    """
    check_decider(service, by)
    wanted = checked_patterns(patterns)
    hold(PATTERNS)
    row = SchemaPatterns.objects.filter(service=service).first()
    if version is not None and version != (row.version if row else 0):
        raise ChangedMeanwhile("which files are schema changes")
    before = list(row.patterns) if row else []
    if before == wanted:
        return row or patterns_of(service)
    if wanted:
        row = row or SchemaPatterns(service=service, version=0)
        row.patterns, row.asked = wanted, _asked_for(wanted)
        row.by, row.at, row.version = by, clock.now(), row.version + 1
        row.save()
    elif row is not None:
        row.delete()
    of = f"of {service}" if service else "of the company"
    change = f"{', '.join(before) or 'none'} → {', '.join(wanted) or 'none'}"
    _note(PATTERNS, service.slug if service else "", "set" if before else "", "set" if wanted else "", change, by)
    audit.record(by=by, did=f"changed the schema files {of}: {change}"[:2000], kind="mapping", key=str(service or ""))
    return row if row is not None and wanted else patterns_of(service)


def checked_patterns(patterns: Sequence[str]) -> list[str]:
    """Return patterns as they are kept. Raises ValidationError for `patterns`."""
    wanted = list(dict.fromkeys(text for each in patterns if (text := plain(each))))
    if len(wanted) > schema_files.MOST:
        raise ValidationError({"patterns": f"Enter at most {schema_files.MOST} patterns."})
    for each in wanted:
        if len(each) > schema_files.LONGEST:
            raise ValidationError({"patterns": f"A pattern can have up to {schema_files.LONGEST} characters."})
        if not each.removeprefix("!").strip("/*") or "\n" in each:
            raise ValidationError({"patterns": f"“{each}” fits every file. Enter patterns such as **/migrations/*.py."})
    if wanted and not schema_files.wanted(wanted):
        raise ValidationError({"patterns": "These patterns only exclude files. Add one that includes some."})
    return wanted


def _asked_for(patterns: Sequence[str]) -> int:
    """Have git asked by these patterns from now on; return by how many it has to be asked to know their files."""
    known = asked_patterns()
    fresh = [each for each in schema_files.wanted(patterns) if each not in known]
    if len(known) + len(fresh) > MOST_ASKED:
        raise ValidationError(
            {"patterns": f"Rodeo has had {MOST_ASKED} patterns, which is the most. Use earlier ones."}
        )
    AskedPattern.objects.bulk_create(
        AskedPattern(number=len(known) + place, pattern=each) for place, each in enumerate(fresh, start=1)
    )
    if fresh:
        # The next pull asks git about all commits.
        Source.objects.filter(kind="git", state=Source.State.ACTIVE).update(next_pull_at=clock.now())
    numbers = {each: number for number, each in enumerate([*known, *fresh], start=1)}
    return max(numbers[each] for each in schema_files.wanted(patterns))


# The order of services


@transaction.atomic
def require_order(first: Service, then: Service, *, by: Actor) -> DeployOrder:
    """Require that one service is deployed before another, in every release that ships both.

    Raises ValidationError, naming the cycle, where the other already goes before it; PermissionDenied.
    """
    _check_order(first, then, by)
    if first == then:
        raise ValidationError({"then": "Choose two different services."})
    hold(ORDER)
    known = DeployOrder.objects.filter(first=first, then=then).first()
    if known is not None:
        return known
    rows = list(DeployOrder.objects.select_related("first", "then"))
    if len(rows) >= MOST_ORDERS:
        raise ValidationError(f"There are {MOST_ORDERS} rules already, which is the most. Remove one first.")
    if way := _way(then, first, rows):
        chain = ", ".join(f"{each.first} goes before {each.then}" for each in way)
        raise ValidationError(
            {"first": f"{chain}, so {first} can’t go before {then}. Remove one of these rules first."}
        )
    row = DeployOrder.objects.create(first=first, then=then, by=by, at=clock.now())
    _note_order(row, "", "required", by)
    return row


@transaction.atomic
def remove_order(row: DeployOrder, *, by: Actor) -> None:
    """Require an order no longer. Saying it twice changes nothing."""
    _check_order(row.first, row.then, by)
    if DeployOrder.objects.filter(pk=row.pk).delete()[0]:
        _note_order(row, "required", "", by)


def _way(start: Service, end: Service, rows: Sequence[DeployOrder]) -> list[DeployOrder]:
    """Return the shortest chain of rules by which one service goes before another; [] if it doesn't."""
    ways: list[list[DeployOrder]] = [[row] for row in rows if row.first_id == start.pk]
    seen: set[int] = {start.pk}
    for way in ways:
        last = way[-1].then_id
        if last == end.pk:
            return way
        if last not in seen:
            seen.add(last)
            ways += [[*way, row] for row in rows if row.first_id == last]
    return []


def _check_order(first: Service, then: Service, by: Actor) -> None:
    if not may_decide(by, first.squad, then.squad):
        squads = " or ".join(dict.fromkeys(str(each.squad) for each in (first, then) if each.squad))
        who = f"leads of {squads}, " if squads else ""
        raise PermissionDenied(f"Only {who}project managers and administrators can change this order.")


def _note_order(row: DeployOrder, before: str, after: str, by: Actor) -> None:
    _note(ORDER, f"{row.first.slug} {row.then.slug}"[:200], before, after, f"{row.first} before {row.then}", by)
    did = f"{'required' if after else 'no longer requires'} that {row.first} is deployed before {row.then}"
    audit.record(by=by, did=did, kind="release", key=row.first.slug)
