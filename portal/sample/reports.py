"""What the sample company's CI and deploy systems say, each thing some hours before the sample is loaded."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

MERGED = "dev.cdevents.change.merged.0.2.0"
REPOSITORY = "market/checkout"
# Kind, hours ago, and what is said. Times within it are hours ago as well.
Report = tuple[str, float, dict[str, Any]]


def all_reports(shas: dict[str, str]) -> Iterator[Report]:
    """Yield all of it; `shas` are the commits of the generated repository by their subjects."""
    yield from _checkout(shas)
    yield from _search()
    yield from _gateway()


def _checkout(shas: dict[str, str]) -> Iterator[Report]:
    v10, v11, v12 = (
        shas[subject]
        for subject in (
            "Upgrade the web framework",
            "PLAT-2 Read the request id from the gateway",
            "Make the total easier to read",
        )
    )
    yield _run(399, v10)
    yield _deployed(398, "checkout", "staging", "v1.0", v10)
    yield _checked(397, "PAY-1", "staging", "Checkout regression")
    yield _deployed(396, "checkout", "production", "v1.0", v10)
    yield _checked(395, "PAY-1", "production", "Bought a mug with a stored card", by="Ana Ortega")
    yield _run(249, v11)
    yield _deployed(248, "checkout", "staging", "v1.1", v11)
    yield _checked(247.5, "PAY-2", "staging", "Gift card regression")
    yield _checked(247.4, "PLAT-2", "staging", "Request id in the logs")
    yield _deployed(246, "checkout", "production", "v1.1", v11)
    yield _checked(245, "PAY-3", "production", "Invoice of a real order", by="Ana Ortega")
    yield _run(169, shas["PAY-4 Split the amount over two cards"], "failure")
    yield _run(159, v12)
    yield _deployed(158, "checkout", "staging", "v1.2", v12)
    yield _checked(157, "PAY-4", "staging", "Split payment regression")
    yield _deployed(156, "checkout", "production", "v1.2", v12, outcome="failure")
    yield _deployed(155, "checkout", "production", "v1.2", v12)
    yield _checked(154, "PAY-4", "production", "Paid with two cards", by="Kofi Mensah")
    yield _deployed(140, "checkout", "production", "v1.1", v11, kind="rollback")
    yield _run(58, shas["PAY-5 Find stored cards that expire soon"])


def _search() -> Iterator[Report]:
    umlauts, typo, suggest = ("5" * 40, "6" * 40, "7" * 40)
    for ago, sha, text in (
        (330, umlauts, "SRCH-3 Fold umlauts"),
        (210, typo, "SRCH-1 Tolerate typing errors"),
        (80, suggest, "SRCH-2 Suggest while typing"),
    ):
        yield _merged(ago, "search", sha, text)
        yield _built(ago - 1, "search", sha, f"search-{ago}")
        yield _deployed(ago - 3, "search", "staging", f"1.{400 - ago}", sha)
    yield _checked(326, "SRCH-3", "staging", "Umlaut regression")
    yield _deployed(320, "search", "production", "1.70", umlauts)
    yield _checked(319, "SRCH-3", "production", "Found “Müsli”", by="Kofi Mensah")
    yield _checked(206, "SRCH-1", "staging", "Typo regression")
    yield _deployed(200, "search", "production", "1.190", typo)
    yield "flag-state", 199, {"flag": "typo-search", "environment": "production", "on": False, "at": 199}
    yield _checked(75, "SRCH-2", "staging", "Suggestions regression")


def _gateway() -> Iterator[Report]:
    sha = "8" * 40
    yield _merged(255, "gateway", sha, "PLAT-2 Pass the request id on")
    yield _built(254, "gateway", sha, "gateway-254")
    yield _deployed(252, "gateway", "staging", "3.4", sha)


def _run(ago: float, sha: str, outcome: str = "success") -> Report:
    return (
        "run",
        ago,
        {
            "id": f"checkout-{ago:g}",
            "repository": REPOSITORY,
            "pipeline": "main",
            "commit": sha,
            "branch": "main",
            "outcome": outcome,
            **({"artifact": _image("checkout", sha)} if outcome == "success" else {}),
            "started_at": ago + 0.2,
            "finished_at": ago,
        },
    )


def _built(ago: float, service: str, sha: str, name: str) -> Report:
    return (
        "run",
        ago,
        {
            "id": name,
            "service": service,
            "repository": f"market/{service}",
            "pipeline": "main",
            "commit": sha,
            "branch": "main",
            "outcome": "success",
            "artifact": _image(service, sha),
            "finished_at": ago,
        },
    )


def _image(service: str, sha: str) -> str:
    return f"pkg:oci/{service}@sha256:{sha256(sha.encode()).hexdigest()}"


def _deployed(
    ago: float, service: str, where: str, version: str, commit: str, kind: str = "deploy", outcome: str = "success"
) -> Report:
    return (
        "deployment",
        ago,
        {
            "id": f"{service}-{where}-{ago:g}",
            "service": service,
            "environment": where,
            "version": version,
            "commit": commit,
            "kind": kind,
            "outcome": outcome,
            "started_at": ago + 0.1,
            "finished_at": ago,
        },
    )


def _checked(ago: float, key: str, where: str, name: str, by: str = "") -> Report:
    return (
        "acceptance-run",
        ago,
        {
            "id": f"{key}-{where}-{ago:g}",
            "environment": where,
            "story": key,
            "name": name,
            "outcome": "success",
            "by": by,
            "started_at": ago + 0.05,
            "finished_at": ago,
        },
    )


def _merged(ago: float, service: str, sha: str, text: str) -> Report:
    return (
        MERGED,
        ago,
        {
            "context": {"version": "0.4.1", "id": f"merged-{sha[:7]}", "source": f"/market/{service}", "type": MERGED},
            "subject": {"id": sha, "type": "change", "content": {"repository": {"id": f"market/{service}"}}},
            "customData": {"message": text},
        },
    )
