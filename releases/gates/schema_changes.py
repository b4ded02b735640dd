"""The gate of schema changes: each is named expand or contract, so that everybody knows what can be rolled back."""

from collections.abc import Mapping
from typing import Any

from portal.kernel.sentences import counted
from releases.gates.facts import ReleaseFacts
from releases.gates.findings import FAILED, UNKNOWN, Blocker, Passed, latest, mark_of
from releases.gates.runs import no_commit, no_services
from releases.gates.stories import Judged

KINDS = ("expand", "contract")


def schema_changes(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """Every change of the schema that production lacks is marked as expand (old code still works) or contract (it doesn't)."""
    blockers, named = no_services(facts), []
    for service in facts.concerned:
        who = service.owner or facts.planner
        if not service.sha:
            blockers.append(no_commit(service))
        if service.production_unknown:
            what = f"what {service.sha[:7]} of {service.name} changes in production"
            text = f"Nothing tells {what}, so schema changes could be missing."
            key = f"production of {service.name} {service.sha}"
            remedy = f"Report deployments of {service.name} with their commit, and connect its git repository."
            blockers.append(Blocker(UNKNOWN, key, text, remedy, who, service.squad_slug, url=service.url))
        if service.unread:
            changes = counted(len(service.unread), "change", "changes")
            text = f"Nobody knows which files {changes} of {service.name} touch, so schema changes could be missing."
            key = f"files of {service.name} {mark_of(service.unread)}"
            remedy = "Connect its git repository."
            blockers.append(Blocker(UNKNOWN, key, text, remedy, who, service.squad_slug, url=service.url))
        for change in service.schema_changes:
            if change.kind in KINDS:
                named.append(change)
                continue
            text = f"{change.path} of {service.name} ({change.sha[:7]}) isn’t named expand or contract."
            key, remedy = f"schema {change.sha} {change.path}", "Say whether it is expand or contract."
            url = change.url or service.url
            blockers.append(Blocker(FAILED, key, text, remedy, who, service.squad_slug, change.at, url))
    kinds = [counted(sum(each.kind == kind for each in named), kind, kind) for kind in KINDS]
    said = (
        f"{counted(len(named), 'schema change', 'schema changes')}: {', '.join(kinds)}."
        if named
        else "No schema change."
    )
    moments = {f"{change.path} ({change.sha[:7]})": change.at for change in named}
    passed = Passed(said, latest(moments.values()), moments, facts.url)
    summed = f"{len(blockers)} schema changes aren’t named expand or contract."
    return blockers, passed, summed if all(each.state == FAILED for each in blockers) else ""
