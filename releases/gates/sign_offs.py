"""Gates that people and other systems open: approvals, the checklist and outside checks."""

from collections.abc import Mapping
from typing import Any

from portal.kernel import clock
from portal.kernel.sentences import counted
from releases.gates.facts import ApprovalFact, ReleaseFacts
from releases.gates.findings import FAILED, UNKNOWN, WAITING, Blocker, Passed, latest
from releases.gates.parameters import NAMES, Parameter
from releases.gates.stories import Judged

HELP = "User names, “project managers”, “administrators”, or “leads of Payments” (members, accepters), one per line."
OF = Parameter("of", "Always needs approval by", NAMES, [], help=HELP)


def approvals(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """Every approval that was asked for, or that the template needs, is given for what the release contains now."""
    asked, words = {approval.asked_of for approval in facts.approvals}, dict(facts.approvers)
    blockers = [_missing(each, words.get(each, ""), facts) for each in values["of"] if each not in asked]
    blockers += [blocker for approval in facts.approvals if (blocker := _open(approval, facts)) is not None]
    given = {f"the approval by {each.of}": each.at for each in facts.approvals if each.state == "given"}
    said = f"{counted(len(given), 'approval', 'approvals')} given." if given else "No approval is needed."
    passed = Passed(said, latest(given.values()), given, facts.url)
    return blockers, passed, f"{counted(len(blockers), 'approval is', 'approvals are')} missing."


def _missing(key: str, name: str, facts: ReleaseFacts) -> Blocker:
    if not name:
        text = f"Approval is needed by someone who isn’t here any more ({key})."
        remedy, who = "Choose in the gates of its line who approves instead.", "project managers"
    else:
        text, remedy = f"Approval by {name} is needed, and nobody asked for it.", f"Ask {name} for approval."
        who = facts.planner
    return Blocker(FAILED, f"approval of {key} {facts.content}", text, remedy, who, url=facts.url)


def _open(approval: ApprovalFact, facts: ReleaseFacts) -> Blocker | None:
    # What an approval lacks, it lacks for what ships now.
    key = f"approval {approval.id} {clock.iso(approval.at)} {facts.content}"
    url = approval.url or facts.url
    common = {"squad": approval.squad_slug, "since": approval.at, "url": url}
    if approval.state == "given":
        return None
    if approval.state == "declined":
        note = f": {approval.note.rstrip('.')}" if approval.note else ""
        text = f"{approval.by or approval.of} declined{note}."
        return Blocker(
            FAILED, key, text, "Settle what they ask for, then ask again.", facts.planner, since=approval.at, url=url
        )
    if approval.state == "void":
        text = f"Approval by {approval.by or approval.of} no longer counts: {approval.why_void}"
        return Blocker(FAILED, key, text, f"Ask {approval.of} again.", approval.of, **common)  # type: ignore[arg-type]
    if approval.state == "waiting":
        return Blocker(WAITING, key, f"Waits for {approval.of} to answer.", "Answer it.", approval.of, **common)  # type: ignore[arg-type]
    text = f"Approval by {approval.of} is in a state nobody knows ({approval.state})."
    return Blocker(UNKNOWN, key, text, f"Ask {approval.of} again.", facts.planner, url=url)


def checklist(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """Every line of the checklist is ticked."""
    blockers = [
        Blocker(
            FAILED,
            f"checklist {item.id}",
            f"Not ticked: {item.text}",
            "Do it, then tick it.",
            item.who or facts.planner,
            url=facts.url,
        )
        for item in facts.checklist
        if not item.done_by
    ]
    done = {f"“{item.text}”": item.done_at for item in facts.checklist if item.done_by}
    said = f"{counted(len(done), 'line', 'lines')} ticked." if done else "The checklist is empty."
    passed = Passed(said, latest(done.values()), done, facts.url)
    return blockers, passed, f"{len(blockers)} of {counted(len(facts.checklist), 'line', 'lines')} not ticked."


def outside_checks(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """Every outside check answers yes."""
    blockers = []
    for check in facts.outside:
        if check.outcome == "success":
            continue
        state = FAILED if check.outcome == "failure" else UNKNOWN
        said = check.detail or ("it said no" if state == FAILED else "it wasn’t asked yet")
        remedy = f"See what {check.name} says." if state == FAILED else f"Get {check.name} to answer."
        text = f"{check.name}: {said.rstrip('.')}."
        key = f"outside check {check.id} {clock.iso(check.since)} {facts.content}"
        blockers.append(Blocker(state, key, text, remedy, facts.planner, since=check.since, url=check.url or facts.url))
    passed = {check.name: check for check in facts.outside if check.outcome == "success"}
    said = f"{counted(len(passed), 'check says', 'checks say')} yes." if passed else "No outside check is set."
    since = latest(each.since for each in passed.values())
    return (
        blockers,
        Passed(said, since, {name: each.at for name, each in passed.items()}, facts.url),
        f"{counted(len(blockers), 'check doesn’t', 'checks don’t')} say yes.",
    )
