"""Chef: converges from the data collector and from the JSON report handler. docs/providers/chef.md has the rules."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from releases.providers import facts, parse, zones
from releases.providers.base import Labelled, Message, Provider
from releases.providers.chef.resource_rules import SETTINGS, check, is_counted, rules_in, single_packages, version_in
from releases.providers.facts import DeploymentSeen, MakesNothing, Seen, SeenInPart, Unreadable
from releases.providers.payloads import JsonObject, as_object, peek, read_json
from releases.providers.signatures import SIGNATURE_HEADERS, same_secret, verified
from releases.providers.status_tables import Meaning, StatusTable

TOKEN = "x-data-collector-token"
START, CONVERGE, REPORT = "run_start", "run_converge", "report"
MOST_REASONS = 5
NAMED = re.compile(r"\s*(?:UTC|GMT)$|\s+(?=[+-]\d{2}:?\d{2}$)")
RUNS = StatusTable(
    "Converges",
    "status",
    {
        "success": Meaning(facts.FINISHED, facts.SUCCESS),
        "failure": Meaning(facts.FINISHED, facts.FAILURE, "even if it failed after the service was changed"),
        "failed": Meaning(facts.FINISHED, facts.FAILURE, "even if it failed after the service was changed"),
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
    if kind == START:
        raise MakesNothing("A converge started, so its changes aren’t known yet.")
    if kind not in (CONVERGE, REPORT):
        return None
    payload = as_object(read_json(message), "the event")
    if kind == REPORT:
        outcome = {True: "success", False: "failure"}.get(payload["success"]) if _is_bool(payload) else ""
        payload = {**payload, "status": outcome or "", "resources": list(_report_resources(payload))}
    return _deployments(payload, config, message.headers.get("source", ""))


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
            after = {name: inner.get(name) for name in ("package_name", "version", "revision", "tag")}
            yield {"type": type_, "name": name, "status": "updated", "after": after, "properties": inner}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition("::")[2]).lower()


def _moment(payload: JsonObject, field: str, config: JsonObject) -> datetime | None:
    """Parse ISO 8601, or "2026-01-31 12:00:00 +0000" as Ruby formats it."""
    text = payload.get(field)
    if not isinstance(text, str):
        return None
    return zones.moment(NAMED.sub(lambda found: "" if found[0].isspace() else "+00:00", text.strip()), field, config)


def _deployments(payload: JsonObject, config: Mapping[str, Any], source: str) -> list[Seen]:
    """Return a deployment for each service whose version a converge changed or tried to change."""
    changed, why_not = _changes(payload, config)
    if not changed:
        raise MakesNothing(why_not)
    node_name = _node_name(payload)
    run = parse.text_in(payload, "run_id", "id")
    if not run:
        raise Unreadable("run_id is missing")
    started, ended = _moment(payload, "start_time", config), _moment(payload, "end_time", config)
    if ended is None:
        raise Unreadable("end_time isn’t a time such as 2026-01-31T12:00:00Z")
    node = parse.object_in(payload, "node")
    environment = parse.text_in(node, "chef_environment") or parse.text_in(payload, "policy_group", "chef_environment")
    raw_status = parse.text_in(payload, "status")
    found: list[Seen] = []
    for service, (version, failed) in changed.items():
        meaning = RUNS.meaning_of(raw_status)
        outcome = facts.FAILURE if failed and meaning.outcome == facts.SUCCESS else meaning.outcome
        sha = parse.sha(version) if len(version) == 40 else ""
        found.append(
            DeploymentSeen(
                key=parse.key_of("chef", *parse.scoped(run, source), service),
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
        )
    return SeenInPart(found, why_not) if why_not else found


def _node_name(payload: JsonObject) -> str:
    return parse.text_in(payload, "node_name") or parse.text_in(parse.object_in(payload, "node"), "name", "id")


def _changes(payload: JsonObject, config: Mapping[str, Any]) -> tuple[dict[str, tuple[str, bool]], str]:
    """Return the version of each service that a converge changed and whether it failed; and what makes nothing, and why."""
    rules, resources, node_name = rules_in(config), payload.get("resources"), _node_name(payload)
    if not rules:
        return {}, "The source has no “Resources that deploy” yet."
    if not is_counted(config, node_name):
        return {}, f"The node {node_name} isn’t one of the source’s “Nodes that count”."
    listed = [each for each in resources if isinstance(each, Mapping)] if isinstance(resources, list) else []
    node = parse.object_in(payload, "node")
    changed: dict[str, tuple[str, bool]] = {}
    why_not: list[str] = []
    for resource in (one for each in listed for one in single_packages(each)):
        rule = next((each for each in rules if each.matches(*_type_and_name(resource))), None)
        if rule is None:
            continue
        service = rule.service_of(_type_and_name(resource)[1])
        version, reason = _changed_version(resource, node, config, service)
        if reason:
            why_not.append(reason)
        else:
            failed = parse.text_in(resource, "status").lower() == "failed"
            changed[service] = (version, failed or changed.get(service, ("", False))[1])
    if not changed and not why_not:
        return {}, _nothing_matches(listed)
    return changed, " ".join(why_not[:MOST_REASONS])


def _type_and_name(resource: JsonObject) -> tuple[str, str]:
    return parse.text_in(resource, "type"), parse.text_in(resource, "name")


def _changed_version(resource: JsonObject, node: JsonObject, config: JsonObject, service: str) -> tuple[str, str]:
    """Return the version that a resource changed, or tried to; else why it is no deployment."""
    status = parse.text_in(resource, "status").lower()
    named = "{}[{}]".format(*_type_and_name(resource))
    if status not in ("updated", "failed"):
        return "", f"{named} wasn’t changed ({status or 'no status'})."
    version = version_in(config, resource, node, service)
    if not version:
        return (
            "",
            f"{named} was {status} and has no version. Pin one, or set its path under “Version path”.",
        )
    before = version_in(config, {**resource, "after": resource.get("before"), "properties": {}}, {}, service)
    if status == "updated" and version == before:
        return "", f"{named} was updated, but its version is still {version}."
    return version, ""


def _nothing_matches(resources: list[JsonObject]) -> str:
    updated = [each for each in resources if parse.text_in(each, "status").lower() in ("updated", "failed")]
    if not updated:
        return "It changed no resources."
    names = ", ".join("{}[{}]".format(*_type_and_name(each)) for each in updated[:MOST_REASONS])
    return parse.cut(f"No changed resource matches the source’s “Resources that deploy”: {names}.", 1000)


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
