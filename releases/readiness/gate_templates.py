"""Choosing the gates of a line of releases, and what that changes in open releases before it is saved."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from portal.kernel.paging import Newest, newest
from portal.kernel.policy import check_manager
from portal.kernel.text_input import plain
from portal.kernel.transitions import ChangedMeanwhile
from releases.approvals.named_people import keys_of, words_of
from releases.gates.findings import Finding
from releases.gates.parameters import GateSetting, InvalidParameter
from releases.gates.readiness import BY_NAME, DEFAULT, Gate, Readiness
from releases.gates.sign_offs import OF
from releases.inbox.models import Source
from releases.planning.models import Release
from releases.readiness.inputs import EVERY_LINE, approvers_in, inputs_of
from releases.readiness.models import GateTemplate, GateTemplateVersion, read, said, stored
from releases.readiness.queries import judged

CHOOSE = "choose the gates of releases"
NAMES = "templates of gates"
LONGEST_LINE = 120
# So many open releases a preview judges; it says how many more there are.
MOST_PREVIEWED = 50
MOST_VERSIONS = 20


def cleaned(gates: Iterable[Mapping[str, Any]]) -> tuple[GateSetting, ...]:
    """Return gates as they are judged, in the order of pages. Raises ValidationError naming the field: `stories-stage`."""
    errors: dict[str, list[str]] = {}
    found: dict[str, GateSetting] = {}
    for each in gates:
        name = each.get("gate")
        gate = BY_NAME.get(name) if isinstance(name, str) else None
        if gate is None:
            errors["gates"] = [f"There’s no gate “{str(name)[:40]}”. There are: {', '.join(BY_NAME)}."]
        elif gate.name in found:
            errors["gates"] = [f"{gate.title} is there twice. List each gate once."]
        else:
            try:
                found[gate.name] = GateSetting(gate.name, _kept(gate, gate.clean(each.get("values") or {})))
            except ValidationError as error:
                errors[f"{gate.name}-{OF.name}"] = error.messages
            except InvalidParameter as error:
                errors[f"{gate.name}-{error.field}"] = [str(error)]
    if not found and not errors:
        errors["gates"] = ["Choose at least one gate. Without any, no release is ever ready."]
    if errors:
        raise ValidationError(errors)
    return tuple(found[name] for name in BY_NAME if name in found)


def _kept(gate: Gate, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of a gate as they are kept: who has to approve by who they are, not by a name."""
    return {**values, OF.name: keys_of(values[OF.name])} if gate.name == "approvals" else values


def in_words(chosen: Iterable[GateSetting]) -> list[GateSetting]:
    """Return gates as people write them: who has to approve in words; who is gone as it is kept. One query at most."""
    gates = list(chosen)
    words = words_of(approvers_in(gates))
    return [_in_words(each, words) for each in gates]


def _in_words(setting: GateSetting, words: Mapping[str, str]) -> GateSetting:
    if setting.gate != "approvals":
        return setting
    said = [words.get(each, each) for each in setting.values[OF.name]]
    return GateSetting(setting.gate, {**setting.values, OF.name: said})


def history_of(line: str) -> Newest[tuple[GateTemplateVersion, str]]:
    """Return how the gates of a line were saved, newest first, each in words."""
    rows = newest(GateTemplateVersion.objects.filter(line=line).select_related("by"), MOST_VERSIONS)
    gates = [read(each.gates or []) for each in rows]
    words = words_of(sorted({key for some in gates for key in approvers_in(some)}))
    told = ("; ".join(said(_in_words(each, words)) for each in some) for some in gates)
    return Newest(zip(rows, told, strict=True), rows.total)


def cleaned_monitors(keys: Iterable[str]) -> list[str]:
    """Return the keys of sources that watch every service. Raises ValidationError for one that there isn't."""
    wanted = list(dict.fromkeys(keys))
    known = set(Source.objects.filter(key__in=wanted).values_list("key", flat=True))
    if missing := [key for key in wanted if key not in known]:
        raise ValidationError({"monitors": f"There’s no source {missing[0][:60]}. Enter keys of connected sources."})
    return wanted


@transaction.atomic
def save_template(
    *, by: Actor, line: str, gates: Iterable[Mapping[str, Any]], monitors: Iterable[str] = (), version: int | None
) -> GateTemplate:
    """Make these the gates of a line; "" is every line that has none of its own. They count at once in its open releases.

    `version` is what the person began from: 0 where there was none, None doesn't look. Raises ChangedMeanwhile if somebody
    saved it since, ValidationError naming the field, PermissionDenied.
    """
    check_manager(by, CHOOSE)
    hold(NAMES)
    line = plain(line)
    if len(line) > LONGEST_LINE:
        raise ValidationError({"line": f"A line can have up to {LONGEST_LINE} characters."})
    chosen, watching = cleaned(gates), cleaned_monitors(monitors)
    row = GateTemplate.objects.select_for_update().filter(line=line).first()
    if version is not None and version != (row.version if row else 0):
        raise ChangedMeanwhile(f"the gates of {said_line(line)}")
    row = row or GateTemplate(line=line, version=0)
    row.gates, row.monitors, row.by, row.at, row.version = stored(chosen), watching, by, clock.now(), row.version + 1
    row.save()
    GateTemplateVersion.objects.create(line=line, gates=row.gates, monitors=watching, by=by, at=row.at)
    audit.record(by=by, did=f"changed the gates of {said_line(line)}", kind="release", key=line)
    return row


@transaction.atomic
def delete_template(template: GateTemplate, *, by: Actor) -> None:
    """Have a line use the gates of every line again; have every line use those that Rodeo comes with."""
    check_manager(by, CHOOSE)
    deleted, _ = GateTemplate.objects.filter(pk=template.pk).delete()
    if deleted:
        GateTemplateVersion.objects.create(line=template.line, gates=None, by=by)
        did = f"removed the gates of {said_line(template.line)}"
        audit.record(by=by, did=did, kind="release", key=template.line)


def said_line(line: str) -> str:
    """Say which releases a template is for."""
    return line or "every line"


@dataclass(frozen=True, slots=True)
class GateChange:
    """A gate of an open release that a change of its template changes; a state is "" where the gate isn't in it."""

    title: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReleaseChange:
    """What a change of a template changes in one open release."""

    release: Release
    before: Readiness
    after: Readiness
    gates: tuple[GateChange, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change of a template changes, release by release. `looked_at` were judged; `more` open ones weren't."""

    changes: tuple[ReleaseChange, ...]
    looked_at: int
    more: int


def concerned(line: str) -> list[Release]:
    """Return the open releases that are judged by the template of a line, those due first."""
    rows = Release.objects.ahead(clock.now()).newest_first()
    if line != EVERY_LINE:
        return list(rows.filter(line=line))
    return list(rows.exclude(line__in=GateTemplate.objects.exclude(line=EVERY_LINE).values("line")))


def preview(line: str, gates: Sequence[GateSetting], monitors: Iterable[str]) -> Preview:
    """Return what these gates would change in the open releases of a line, judging each by both. Saves nothing."""
    every = concerned(line)
    releases, at = every[:MOST_PREVIEWED], clock.now()
    before = inputs_of(releases, at=at)
    wanted = {release.line: (tuple(gates), frozenset(monitors)) for release in releases}
    after = inputs_of(releases, at=at, templates=wanted)
    changes = []
    for release in releases:
        was, becomes = judged(before[release.pk]), judged(after[release.pk])
        differing = tuple(_differing(was, becomes))
        if differing or was.verdict != becomes.verdict:
            changes.append(ReleaseChange(release, was, becomes, differing))
    return Preview(tuple(changes), len(releases), len(every) - len(releases))


def _differing(before: Readiness, after: Readiness) -> Iterable[GateChange]:
    old, new = ({each.gate: each for each in readiness.findings} for readiness in (before, after))
    for name, gate in BY_NAME.items():
        was, becomes = old.get(name), new.get(name)
        if _state(was) != _state(becomes):
            yield GateChange(gate.title, _state(was), _state(becomes), (becomes or was).reason)  # type: ignore[union-attr]


def _state(found: Finding | None) -> str:
    if found is None:
        return ""
    return f"{found.state}, overridden" if found.override else found.state


def template_of(line: str) -> tuple[GateTemplate | None, tuple[GateSetting, ...]]:
    """Return the template that a line has of its own, and the gates that hold for it."""
    rows = {row.line: row for row in GateTemplate.objects.filter(line__in={line, EVERY_LINE}).select_related("by")}
    holds = rows.get(line) or rows.get(EVERY_LINE)
    return rows.get(line), holds.chosen if holds else DEFAULT
