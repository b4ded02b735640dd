"""Chef: converges from the data collector and from the JSON report handler. docs/providers/chef.md has the rules."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from releases.providers import facts, parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.chef.resource_rules import SETTINGS, check, is_counted, rules_in, version_in
from releases.providers.facts import DeploymentSeen, Seen, Unreadable
from releases.providers.payloads import JsonObject, as_object, peek, read_json
from releases.providers.signatures import SIGNATURE_HEADERS, same_secret, verified
from releases.providers.status_tables import Meaning, StatusTable

TOKEN = "x-data-collector-token"
CONVERGE, REPORT = "run_converge", "report"
ZONE = re.compile(r"\s*(?:UTC|GMT)$|\s+(?=[+-]\d{2}:?\d{2}$)")
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
    """Say whether the sender knows the secret: in the usual ways, or in the data collector's header."""
    if TOKEN not in headers or any(name in headers for name in SIGNATURE_HEADERS):
        return verified(headers, body, secret)
    return same_secret(headers[TOKEN].strip(), secret)


def label(message: Message) -> Labelled:
    """Label a message with its type and a digest of its content."""
    payload = peek(message)
    kind = parse.text_in(payload, "message_type")
    if not kind:
        return Labelled("", REPORT if "run_id" in payload and "success" in payload else "unknown")
    return Labelled("", parse.cut(kind, 150))


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the deployments of a converge; None for other messages."""
    if kind not in (CONVERGE, REPORT):
        return None
    payload = as_object(read_json(message), "the event")
    if kind == REPORT:
        outcome = {True: "success", False: "failure"}.get(payload["success"]) if _is_bool(payload) else ""
        payload = {**payload, "status": outcome or "", "resources": list(_report_resources(payload))}
    return list(_deployments(payload, config))


def _is_bool(payload: JsonObject) -> bool:
    return isinstance(payload.get("success"), bool)


def _report_resources(payload: JsonObject) -> Iterator[JsonObject]:
    """Yield the updated resources of a report in the form of the data collector."""
    found = payload.get("updated_resources")
    for each in found if isinstance(found, list) else []:
        if isinstance(each, Mapping):
            inner = parse.object_in(each, "instance_vars") or each
            type_ = parse.text_in(inner, "declared_type") or _snake(parse.text_in(each, "json_class"))
            name = parse.text_in(inner, "name", "resource_name")
            after = {name: parse.text_in(inner, name) for name in ("version", "revision", "tag")}
            yield {"type": type_, "name": name, "status": "updated", "after": after, "properties": inner}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition("::")[2]).lower()


def _moment(text: object) -> datetime | None:
    """Parse ISO 8601, or "2026-01-31 12:00:00 +0000" as Ruby formats it."""
    if not isinstance(text, str):
        return None
    return parse.moment(ZONE.sub(lambda found: "" if found[0].isspace() else "+00:00", text.strip()))


def _deployments(payload: JsonObject, config: Mapping[str, Any]) -> Iterator[Seen]:
    """Yield a deployment for each service whose version a converge changed or tried to change."""
    node = parse.object_in(payload, "node")
    node_name = parse.text_in(payload, "node_name") or parse.text_in(node, "name", "id")
    rules, resources = rules_in(config), payload.get("resources")
    if not rules or not isinstance(resources, list) or not is_counted(config, node_name):
        return
    changed: dict[str, tuple[str, bool]] = {}
    for each in resources:
        if isinstance(each, Mapping) and (found := _version_change(each, node, config, rules)):
            service, version, failed = found
            changed[service] = (version, failed or changed.get(service, ("", False))[1])
    if not changed:
        return
    run = parse.text_in(payload, "run_id", "id")
    if not run:
        raise Unreadable("run_id is missing")
    started, ended = _moment(payload.get("start_time")), _moment(payload.get("end_time"))
    if ended is None:
        raise Unreadable("end_time holds no moment such as 2026-01-31T12:00:00Z")
    environment = parse.text_in(node, "chef_environment") or parse.text_in(payload, "policy_group", "chef_environment")
    raw_status = parse.text_in(payload, "status")
    for service, (version, failed) in changed.items():
        meaning = RUNS.meaning_of(raw_status)
        outcome = facts.FAILURE if failed and meaning.outcome == facts.SUCCESS else meaning.outcome
        sha = parse.sha(version) if len(version) == 40 else ""
        yield DeploymentSeen(
            key=parse.key_of("chef", run, service),
            at=ended,
            phase=facts.FINISHED,
            outcome=outcome,
            service=parse.required_name(service, "the service of a rule"),
            environment=parse.required_name(environment, "node.chef_environment"),
            sha=sha,
            version="" if sha else version,
            raw_status=parse.cut(f"{raw_status} on {node_name}", 250),
            started_at=started,
            finished_at=ended,
        )


def _version_change(
    resource: JsonObject, node: JsonObject, config: JsonObject, rules: list[Any]
) -> tuple[str, str, bool] | None:
    """Return the service, its version and whether it failed, for a resource that matches a rule and changed the version."""
    type_, name = parse.text_in(resource, "type"), parse.text_in(resource, "name")
    rule = next((each for each in rules if each.matches(type_, name)), None)
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
