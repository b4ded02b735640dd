"""A real history of eleven years: every release's figures equal what plain git computes."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from releases.inbox.models import InboundEvent
from releases.models import Change, Deployment, Release
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.reading.actions import drain_inbox
from releases.sources import connect_git
from squads.models import Squad


@pytest.fixture
def history(real_data: Path, tmp_path: Path) -> Path:
    """The history as a bare repository."""
    place = tmp_path / "web-monitor.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(place)], check=True)
    stream = gzip.decompress((real_data / "git" / "web-monitor-history.fast-export.gz").read_bytes())
    subprocess.run(["git", "-C", str(place), "fast-import", "--quiet"], input=stream, check=True)
    return place


def test_every_release_of_a_real_history_has_the_figures_git_computes(
    history: Path, real_data: Path, payments: Squad
) -> None:
    expected = json.loads((real_data / "git" / "web-monitor-expected.json").read_text())
    source, _ = connect_git.connect_git(
        by=None,
        url=str(history),
        service="web-monitor",
        squad=payments,
        release_tags=r"v\d+\.\d+(\.\d+)?",
        deploys_to="production",
    )
    lease = leases.lease_now(source)
    assert lease
    pulled = pulling.pull_source(source.pk, lease)
    drain_inbox()
    assert pulled
    assert pulled.commits == Change.objects.count() == expected["totals"]["commits_all_refs"]
    assert not InboundEvent.objects.exclude(state="processed").exists()
    figures = {
        release.version: (
            f"{release.tagged_at:%Y-%m-%dT%H:%M:%SZ}",
            release.commits,
            release.non_merge_commits,
            release.lead_time_median,
            round(release.lead_time_p90 or 0, 1),
        )
        for release in Release.objects.all()
    }
    assert figures == {
        each["tag"]: (
            each["tag_date"],
            each["commits"],
            each["non_merge"],
            each["lead_time_s"]["median"],
            each["lead_time_s"]["p90_linear"],
        )
        for each in expected["releases"]
    }
    assert len(figures) == Deployment.objects.count() == 76
