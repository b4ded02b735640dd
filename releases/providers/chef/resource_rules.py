"""The resource rules of a Chef source: which resources of a converge deploy a service, and where its version is."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from releases.providers import parse
from releases.providers.base import InvalidSetting, Setting
from releases.providers.payloads import JsonObject
from releases.providers.zones import ZONE

RULE = re.compile(r"(?P<type>[\w*]+)\[(?P<name>[^\[\]]+)\](?:\s*=\s*(?P<service>\S.*))?")
PATH = re.compile(r"(?:node\.)?[\w{}:-]+(?:\.[\w{}:-]+)*")
PACKAGE = "package"
NAME, SERVICE = "{name}", "{service}"
VERSIONS = ("after.version", "after.revision", "after.tag", "properties.version")
MOST_LINES = 50
SETTINGS = (
    Setting(
        "resources",
        "Resources that deploy",
        "One per line: type[name] = service. * matches anything. {name} is the resource’s name, "
        "which is also the default service.",
        many=True,
        placeholder="package[checkout]\ndeploy_revision[/srv/search] = search",
    ),
    Setting(
        "version",
        "Version path",
        "One per line; the first one found counts. In the resource, such as after.version, or in the node’s "
        "attributes, such as node.normal.{service}.version.",
        many=True,
        placeholder="\n".join(VERSIONS),
    ),
    Setting(
        "nodes",
        "Nodes that count",
        "One per line; * matches anything. If several nodes of an environment run a service, list only one of them, "
        "or each counts as a deployment. Leave empty for all.",
        many=True,
        placeholder="checkout-1.*",
    ),
    ZONE,
)


@dataclass(frozen=True, slots=True)
class ResourceRule:
    """A line of the setting "Resources that deploy"."""

    type: str
    name: str
    service: str

    def matches(self, type_: str, name: str) -> bool:
        """Say whether the rule matches a resource. Chef makes of `package` the one of the platform, such as apt_package."""
        of_type = fnmatchcase(type_, self.type) or (self.type == PACKAGE and type_.endswith(f"_{PACKAGE}"))
        return of_type and fnmatchcase(name, self.name)

    def service_of(self, name: str) -> str:
        """Return the service that a resource of this name deploys."""
        return self.service.replace(NAME, name.rstrip("/").rpartition("/")[2])


def lines_in(config: JsonObject, setting: str) -> list[str]:
    """Return the lines of a setting."""
    return parse.lines_in(config.get(setting))[:MOST_LINES]


def rules_in(config: JsonObject) -> list[ResourceRule]:
    """Return the rules of a source. Invalid lines are skipped; `check` refuses them when the form is saved."""
    found = (RULE.fullmatch(line) for line in lines_in(config, "resources"))
    return [
        ResourceRule(each["type"], each["name"].strip(), (each["service"] or NAME).strip()) for each in found if each
    ]


def check(config: JsonObject) -> None:
    """Raise InvalidSetting for a line that is no rule, no path, or has too many wildcards."""
    for line in lines_in(config, "resources"):
        if not RULE.fullmatch(line):
            raise InvalidSetting(
                "resources", f"“{parse.cut(line, 80)}” isn’t a rule. Write package[checkout] = checkout."
            )
        if line.count("*") > 5:
            raise InvalidSetting("resources", f"“{parse.cut(line, 80)}” has more than five *. Use fewer.")
    for line in lines_in(config, "version"):
        if not PATH.fullmatch(line):
            raise InvalidSetting(
                "version", f"“{parse.cut(line, 80)}” isn’t a path. Write after.version, or node.normal.x.y."
            )
    if any(line.count("*") > 5 for line in lines_in(config, "nodes")):
        raise InvalidSetting("nodes", "A line has more than five *. Use fewer.")


def is_counted(config: JsonObject, node: str) -> bool:
    """Say whether converges of a node are read."""
    patterns = lines_in(config, "nodes")
    return not patterns or any(fnmatchcase(node, each) for each in patterns if each.count("*") <= 5)


def single_packages(resource: JsonObject) -> Iterator[JsonObject]:
    """Yield a resource, or one for each package where it names several, whose versions are lists in the same order."""
    before, after = parse.object_in(resource, "before"), parse.object_in(resource, "after")
    names = after.get("package_name")
    if not isinstance(names, list) or len(names) < 2:
        yield resource
        return
    for number, name in enumerate(names):
        states = {
            when: {**state, "package_name": name, "version": _item(state.get("version"), number)}
            for when, state in (("before", before), ("after", after))
        }
        yield {**resource, "name": name, **states}


def _item(value: object, number: int) -> object:
    return (value[number] if number < len(value) else None) if isinstance(value, list) else value


def _text(value: object) -> str:
    """Return a version; of a list, as package resources have them, its first."""
    values = value if isinstance(value, list) else [value]
    return next((text for each in values if (text := parse.text_in({"it": each}, "it"))), "")


def version_in(config: JsonObject, resource: JsonObject, node: JsonObject, service: str) -> str:
    """Return the version at the first of the source's paths that has one; "" where none has."""
    for line in lines_in(config, "version") or VERSIONS:
        path = [part.replace(SERVICE, service) for part in line.split(".")]
        holder: Any = node if path[0] == "node" else resource
        for part in path[path[0] == "node" : -1]:
            holder = holder.get(part) if isinstance(holder, Mapping) else None
        found = _text(holder.get(path[-1])) if isinstance(holder, Mapping) else ""
        if found:
            return parse.cut(found, 200)
    return ""
