"""Chef: converges from the data collector and from the JSON report handler. docs/providers/chef.md has the rules."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from releases.providers import facts, parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.chef.rules import SETTINGS, check, counts, rules_in, version_in
from releases.providers.envelope import as_object, peek, read
from releases.providers.facts import DeploymentSeen, Seen, Unreadable
from releases.providers.signatures import SIGNATURE_HEADERS, same, verified
from releases.providers.tables import Meaning, StatusTable

TOKEN = "x-data-collector-token"
CONVERGE, REPORT = "run_converge", "report"
ZONE = re.compile(r"\s*(?:UTC|GMT)$|\s+(?=[+-]\d{2}:?\d{2}$)")
Said = Mapping[str, Any]
RUNS = StatusTable(
    "Converges",
    "status",
    {
        "success": Meaning(facts.FINISHED, facts.SUCCESS),
        "failure": Meaning(facts.FINISHED, facts.FAILURE, "even where it failed after the service was changed"),
        "failed": Meaning(facts.FINISHED, facts.FAILURE, "even where it failed after the service was changed"),
        "aborted": Meaning(facts.FINISHED, facts.CANCELLED, "never a failure"),
    },
)


def authentic(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Say whether the sender knows the secret: as to any source, or as Chef's data collector shows it."""
    if TOKEN not in headers or any(name in headers for name in SIGNATURE_HEADERS):
        return verified(headers, body, secret)
    return same(headers[TOKEN].strip(), secret)


def label(message: Message) -> Labelled:
    """File a message of a run under the run and its type; anything else under a digest of its content."""
    said = peek(message)
    kind = parse.text_in(said, "message_type")
    if not kind:
        return Labelled("", REPORT if "run_id" in said and "success" in said else "unknown")
    return Labelled("", parse.cut(kind, 150))


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the deployments of a converge; None for messages that say nothing about one."""
    if kind not in (CONVERGE, REPORT):
        return None
    said = as_object(read(message), "the event")
    if kind == REPORT:
        outcome = {True: "success", False: "failure"}.get(said["success"]) if _is_bool(said) else ""
        said = {**said, "status": outcome or "", "resources": list(_reported(said))}
    return list(_deployments(said, config))


def _is_bool(said: Said) -> bool:
    return isinstance(said.get("success"), bool)


def _reported(said: Said) -> Iterator[Said]:
    """Yield the resources of a report in the data collector's words: those that changed, and no others."""
    found = said.get("updated_resources")
    for each in found if isinstance(found, list) else []:
        if isinstance(each, Mapping):
            inner = parse.part_of(each, "instance_vars") or each
            type_ = parse.text_in(inner, "declared_type") or _snake(parse.text_in(each, "json_class"))
            name = parse.text_in(inner, "name", "resource_name")
            after = {name: parse.text_in(inner, name) for name in ("version", "revision", "tag")}
            yield {"type": type_, "name": name, "status": "updated", "after": after, "properties": inner}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition("::")[2]).lower()


def _moment(text: object) -> datetime | None:
    """Read ISO 8601, or "2026-01-31 12:00:00 +0000" as Ruby writes it."""
    if not isinstance(text, str):
        return None
    return parse.moment(ZONE.sub(lambda found: "" if found[0].isspace() else "+00:00", text.strip()))


def _deployments(said: Said, config: Mapping[str, Any]) -> Iterator[Seen]:
    """Yield one deployment for each service whose version a converge changed, or tried to."""
    node = parse.part_of(said, "node")
    node_name = parse.text_in(said, "node_name") or parse.text_in(node, "name", "id")
    rules, resources = rules_in(config), said.get("resources")
    if not rules or not isinstance(resources, list) or not counts(config, node_name):
        return
    changed: dict[str, tuple[str, bool]] = {}
    for each in resources:
        if isinstance(each, Mapping) and (found := _changed(each, node, config, rules)):
            service, version, failed = found
            changed[service] = (version, failed or changed.get(service, ("", False))[1])
    if not changed:
        return
    run = parse.text_in(said, "run_id", "id")
    if not run:
        raise Unreadable("run_id is missing")
    started, ended = _moment(said.get("start_time")), _moment(said.get("end_time"))
    if ended is None:
        raise Unreadable("end_time holds no moment such as 2026-01-31T12:00:00Z")
    environment = parse.text_in(node, "chef_environment") or parse.text_in(said, "policy_group", "chef_environment")
    word = parse.text_in(said, "status")
    for service, (version, failed) in changed.items():
        meaning = RUNS.read(word)
        outcome = facts.FAILURE if failed and meaning.outcome == facts.SUCCESS else meaning.outcome
        sha = parse.sha(version) if len(version) == 40 else ""
        yield DeploymentSeen(
            key=parse.key_of("chef", run, service),
            at=ended,
            phase=facts.FINISHED,
            outcome=outcome,
            service=parse.named(service, "the service of a rule"),
            environment=parse.named(environment, "node.chef_environment"),
            sha=sha,
            version="" if sha else version,
            raw_status=parse.cut(f"{word} on {node_name}", 250),
            started_at=started,
            finished_at=ended,
        )


def _changed(resource: Said, node: Said, config: Said, rules: list[Any]) -> tuple[str, str, bool] | None:
    """Return service, version and whether it failed, for a resource that a rule names and that changed a version."""
    type_, name = parse.text_in(resource, "type"), parse.text_in(resource, "name")
    rule = next((each for each in rules if each.fits(type_, name)), None)
    status = parse.text_in(resource, "status").lower()
    if rule is None or status not in ("updated", "failed"):
        return None
    service = rule.service_of(name)
    version = version_in(config, resource, node, service)
    before = version_in(config, {**resource, "after": resource.get("before"), "properties": {}}, {}, service)
    if not version or (status == "updated" and version == before):
        return None
    return service, version, status == "failed"


PROVIDER = Provider(
    kind="chef",
    name="Chef",
    pushes=True,
    pulls=False,
    label=label,
    translate=translate,
    secret_headers=(TOKEN,),
    authentic=authentic,
    settings=SETTINGS,
    check=check,
    tables=(RUNS,),
    how_to_sign="Send the source's secret as X-Data-Collector-Token (data_collector.token in client.rb), "
    "or as Authorization: Bearer <secret>.",
)
