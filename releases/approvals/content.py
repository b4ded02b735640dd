"""What an approval is given for: the content of a release, its digest, and in what two of them differ. Pure: no database.

The digest is over what decides what goes out: stories, resolved commits, artifacts, configuration. Names and tags are kept to
be told about; renaming a service or moving a story to another key changes nothing, and neither does an equal artifact that
was built again.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from releases.contents.queries import Contents, ServiceContent

SHORT = 7
NOTHING: dict[str, Any] = {"stories": [], "services": [], "unclaimed": []}


def content_of(contents: "Contents") -> dict[str, Any]:
    """Return what a release ships as JSON that is kept with an approval."""
    return {
        "stories": [[pk, key] for pk, key in contents.stories],
        "services": [_service(each) for each in contents.services],
        "unclaimed": sorted(contents.unclaimed),
    }


def _service(each: "ServiceContent") -> dict[str, Any]:
    return {
        "service": each.service,
        "name": each.name,
        "tag": each.tag,
        "commit": each.sha,
        "artifact": each.digest or each.purl,
        "configuration": each.configuration,
    }


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of what decides what goes out."""
    parts = ("service", "commit", "artifact", "configuration")
    decisive = {
        "stories": sorted(pk for pk, _ in content["stories"]),
        "services": sorted([each[name] for name in parts] for each in content["services"]),
        "unclaimed": sorted(content["unclaimed"]),
    }
    text = json.dumps(decisive, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def unknown_in(content: Mapping[str, Any]) -> list[str]:
    """Return what is not known of a content, each as a sentence with the remedy. What isn't known can't be approved."""
    if not content["stories"] and not content["services"]:
        return ["There’s nothing in this release yet. Plan stories first."]
    found = [
        f"The commit of {each['name']} that ships isn’t known. Tag it or choose it."
        for each in content["services"]
        if not each["commit"]
    ]
    return found + [
        f"No service owns {name}, so what ships of it isn’t known. Say which service it belongs to."
        for name in content["unclaimed"]
    ]


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in what the content now differs from then, as sentences; nothing where both have one digest."""
    before, after = (dict(each["stories"]) for each in (then, now))
    said = [f"{after[pk]} was added." for pk in after if pk not in before]
    said += [f"{before[pk]} was removed." for pk in before if pk not in after]
    old, new = ({each["service"]: each for each in one["services"]} for one in (then, now))
    said += [f"{new[pk]['name']} was added." for pk in new if pk not in old]
    said += [f"{old[pk]['name']} was removed." for pk in old if pk not in new]
    for pk, each in new.items():
        if pk in old:
            said += _changed(old[pk], each)
    said += [f"{name} has changes now and no owner." for name in now["unclaimed"] if name not in then["unclaimed"]]
    said += [f"{name} has an owner now, or no changes." for name in then["unclaimed"] if name not in now["unclaimed"]]
    return said


def _changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    name, said = now["name"], []
    if then["commit"] != now["commit"]:
        if now["tag"] and then["tag"] == now["tag"]:
            said.append(f"{name}: tag {now['tag']} moved from {_short(then['commit'])} to {_short(now['commit'])}.")
        else:
            said.append(f"{name}: the commit changed from {_short(then['commit'])} to {_short(now['commit'])}.")
    if then["artifact"] != now["artifact"]:
        said.append(f"{name}: the artifact changed from {_artifact(then['artifact'])} to {_artifact(now['artifact'])}.")
    if then["configuration"] != now["configuration"]:
        said.append(
            f"{name}: the configuration changed from {then['configuration'] or 'none'} to {now['configuration'] or 'none'}."
        )
    return said


def _short(sha: str) -> str:
    return sha[:SHORT] or "none"


def _artifact(name: str) -> str:
    if ":" in name and not name.startswith("pkg:"):
        kind, _, digest = name.partition(":")
        return f"{kind}:{digest[:12]}…"
    return name[:120] or "none"
