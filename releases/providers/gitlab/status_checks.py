"""GitLab’s external status checks: a merge request asks another system whether it may be merged.

The payload is that of a merge request’s webhook, with the check beside it as `external_approval_rule`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from releases.providers import parse
from releases.providers.facts import DeploymentCheckAsked, MakesNothing, Seen, Unreadable
from releases.providers.gitlab.fields import project_of, trimmed

RULE = "external_approval_rule"
OPEN = ("opened", "reopened")
# What a check's address may name.
NAMED = ("release", "service")


def is_asked(payload: Mapping[str, Any]) -> bool:
    """Say whether a merge request’s webhook is one of a status check."""
    return isinstance(payload.get(RULE), Mapping)


def status_check(payload: Mapping[str, Any], config: Mapping[str, Any], received: datetime | None) -> list[Seen]:
    """Return what a merge request asks; that of one which was merged or closed is withdrawn.

    The check’s own address may name what it asks about: ?release=shop-1-0 or ?service=checkout.
    """
    resource = trimmed(parse.object_in(payload, "object_attributes"))
    rule = parse.object_in(payload, RULE)
    project = parse.text_in(resource, "target_project_id") or parse.text_in(parse.object_in(payload, "project"), "id")
    iid, check = parse.text_in(resource, "iid"), parse.text_in(rule, "id")
    for field, number in (("target_project_id", project), ("iid", iid), (f"{RULE}.id", check)):
        if not (number.isascii() and number.isdigit() and len(number) < 20):
            raise Unreadable(f"{field} is missing, or isn’t a number")
    sha = parse.sha(parse.text_in(parse.object_in(resource, "last_commit"), "id"))
    if not sha or received is None:
        raise MakesNothing("The merge request has no commit yet, so there’s nothing to check.")
    url = parse.text_in(resource, "url")
    place = project_of(payload, config, url)
    thread = place.key("deployment check", f"{project}!{iid} {check}")
    named = _named_in(parse.text_in(rule, "external_url"))
    return [
        DeploymentCheckAsked(
            key=place.key("deployment check", f"{project}!{iid} {check} {sha}"),
            at=received,
            thread=thread,
            answer_to=f"/api/v4/projects/{project}/merge_requests/{iid}/status_check_responses",
            repository=place.path,
            sha=sha,
            service=named.get("service", ""),
            release=named.get("release", ""),
            check=check,
            withdrawn=parse.text_in(resource, "state").lower() not in OPEN,
            url=url if url.startswith(("https://", "http://")) else "",
        )
    ]


def _named_in(address: str) -> dict[str, str]:
    """Return what a check’s address says after its question mark."""
    try:
        named = {name: value.strip()[:340] for name, value in parse_qsl(urlsplit(address).query, max_num_fields=50)}
    except ValueError:
        raise Unreadable(f"{RULE}.external_url can’t be read") from None
    if strange := [name for name in named if name not in NAMED]:
        raise Unreadable(f"{RULE}.external_url has “{strange[0][:40]}”; only {' and '.join(NAMED)} can be named there")
    return named
