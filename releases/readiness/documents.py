"""A readiness as JSON: what the API answers, and what a snapshot keeps."""

from typing import Any

from portal.kernel import clock
from releases.gates.findings import Blocker, Finding, Override
from releases.gates.readiness import READY, Readiness


def document(readiness: Readiness) -> dict[str, Any]:
    """Return the whole judgement. `ready` is true for exactly one verdict, so that a script needs nothing else."""
    return {
        "ready": readiness.verdict == READY,
        "verdict": readiness.verdict,
        "sentence": readiness.sentence,
        "at": clock.iso(readiness.at),
        "service": readiness.service,
        "gates": [_gate(each) for each in readiness.findings],
    }


def _gate(found: Finding) -> dict[str, Any]:
    return {
        "gate": found.gate,
        "title": found.title,
        "state": found.state,
        "passes": found.lets_pass,
        "reason": found.reason,
        "since": clock.iso(found.since),
        "evidence_at": clock.iso(found.evidence_at),
        "url": found.url,
        "who": found.who,
        "remedy": found.remedy,
        "blockers": [_blocker(each) for each in found.blockers],
        "override": _override(found.override) if found.override else None,
        "void_overrides": [{**_override(each), "why_void": why} for each, why in found.void_overrides],
    }


def _blocker(blocker: Blocker) -> dict[str, Any]:
    return {
        "state": blocker.state,
        "identity": blocker.identity,
        "text": blocker.text,
        "remedy": blocker.remedy,
        "who": blocker.who,
        "squad": blocker.squad,
        "since": clock.iso(blocker.since),
        "url": blocker.url,
    }


def _override(override: Override) -> dict[str, Any]:
    return {
        "id": override.id,
        "by": override.by,
        "at": clock.iso(override.at),
        "reason": override.reason,
        "until": clock.iso(override.until),
    }
