"""How long a large history takes to come in: 40,000 commits and 5,000 tags, generated; and how long nothing new takes.

Every commit changes a line of a file, so every one has patch-ids of its own.
"""

import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from releases.sources import connect_git

COMMITS, TAGS, STORIES = 40_000, 5_000, 200
IMPORT_BOUND, NOTHING_BOUND = 60.0, 2.0
FIRST = 1_300_000_000


def history(commits: int = COMMITS, tags: int = TAGS, prefix: str = "BEN") -> bytes:
    """Return a fast-import stream: a mainline with a merged branch of three in every twenty commits, and tags along it.

    Every fifth commit names a story. Half of the tags are annotated.
    """
    lines: list[str] = []
    mark, mainline, made = 1, 0, 0
    around = "".join(f"line {number}\n" for number in range(20))

    def commit(parents: list[int], ref: str, message: str) -> int:
        nonlocal mark, made
        mark += 1
        made += 1
        at = FIRST + made * 600
        lines.extend(
            (f"commit {ref}", f"mark :{mark}", f"author A Uthor <a{made % 40}@example.org> {at - made % 5000} +0000")
        )
        lines.extend((f"committer C Ommitter <c@example.org> {at} +0000", f"data {len(message)}", message))
        lines.extend(f"{'merge' if number else 'from'} :{parent}" for number, parent in enumerate(parents))
        content = f"{around}change {made}\n{around}"
        lines.extend((f"M 100644 inline f{made % 50}", f"data {len(content)}", content))
        return mark

    while made < commits:
        story = f" for {prefix}-{made % STORIES + 1}" if made % 5 == 0 else ""
        if made % 20 == 16 and mainline:
            tip = mainline
            for number in range(3):
                tip = commit([tip], "refs/heads/topic", f"Step {number}{story}")
            mainline = commit([mainline, tip], "refs/heads/main", f"Merge topic {made}")
        else:
            mainline = commit([mainline] if mainline else [], "refs/heads/main", f"Change {made}{story}")
        if made * tags // commits > (made - 1) * tags // commits:
            number = made * tags // commits
            if number % 2:
                lines.extend(
                    (
                        f"tag v1.{number}",
                        f"from :{mainline}",
                        f"tagger T <t@example.org> {FIRST + made * 600 + 60} +0000",
                    )
                )
                lines.extend(("data 1", "r"))
            else:
                lines.extend((f"reset refs/tags/v1.{number}", f"from :{mainline}", ""))
    lines.extend(("reset refs/heads/topic", "from 0000000000000000000000000000000000000000", ""))
    return "\n".join(lines).encode()


def repository(folder: Path, commits: int = COMMITS, tags: int = TAGS) -> Path:
    """Make the repository in `folder` and return its path."""
    place = folder / "large.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(place)], check=True)
    subprocess.run(["git", "--git-dir", str(place), "fast-import", "--quiet"], input=history(commits, tags), check=True)
    return place


def run() -> list[dict[str, Any]]:
    """Import the history, derivation included, then pull again; return the figures. Needs Django and an empty database."""
    from portal.kernel.tasks import drain
    from releases.models import Change, Release
    from squads.models import Squad, Story

    squad = Squad.objects.create(name="Bench", slug="bench-git", key_prefix="BEN")
    Story.objects.bulk_create(
        Story(
            squad=squad, number=number, rank=number, key=f"BEN-{number}", title=f"Story {number}", progress="dev_done"
        )
        for number in range(1, STORIES + 1)
    )
    with tempfile.TemporaryDirectory() as folder:
        place = repository(Path(folder))
        source, _ = connect_git.connect_git(
            by=None, url=str(place), service="large", squad=squad, release_tags="v*", deploys_to="bench-production"
        )
        took = [_pull(drain, source), _pull(drain, source)]
        counts = (
            Change.objects.filter(repository=source.repository, landed__isnull=False).count(),
            Release.objects.filter(tags__repository=source.repository, commits__gt=0).count(),
        )
        compared = Change.objects.filter(repository=source.repository, is_merge=False)
        patches = compared.exclude(patch="").values("patch").distinct().count()
    whole = counts[0] >= COMMITS and counts[1] >= TAGS - 1 and patches >= compared.count()
    return [
        {
            "name": f"git: import of {counts[0]:,} commits with their patches",
            "value": took[0],
            "unit": "s",
            "bound": IMPORT_BOUND,
            "least": False,
            "ok": whole and took[0] < IMPORT_BOUND,
        },
        {
            "name": "git: pull with nothing new",
            "value": took[1],
            "unit": "s",
            "bound": NOTHING_BOUND,
            "least": False,
            "ok": took[1] < NOTHING_BOUND,
        },
    ]


def _pull(drain: Any, source: Any) -> float:
    from releases.pulling import actions as pulling
    from releases.pulling import leases

    began = time.perf_counter()
    lease = leases.lease_now(source)
    assert lease is not None
    pulled = pulling.pull_source(source.pk, lease)
    source.refresh_from_db()
    assert pulled is not None, source.last_error
    drain()
    return round(time.perf_counter() - began, 2)
