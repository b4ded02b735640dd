"""docs/readiness.md has the gates as they are, and its line for pipelines fails a job exactly when it must."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from releases.gates.gate_docs import NoMarkers, with_table
from releases.gates.readiness import GATES, judge
from releases.readiness.documents import document
from tests.doubles.serving import Asked, Double, Reply
from tests.releases.gates.cases import ready, template, with_story

PAGE = Path(settings.BASE_DIR) / "docs" / "readiness.md"
LINES = re.findall(r"^    (curl .+)$", PAGE.read_text(), re.M)


def test_the_table_of_gates_is_current() -> None:
    text = PAGE.read_text()
    assert text == with_table(text), "run manage.py gate_docs"
    call_command("gate_docs", "--check")
    assert all(f"| `{gate.name}` |" in text for gate in GATES)


def test_a_page_without_a_place_for_it_is_told() -> None:
    with pytest.raises(NoMarkers, match="has no place for the gates"):
        with_table("# Readiness\n")


def test_an_old_table_fails_the_check(tmp_path: Path, settings: object) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "readiness.md").write_text("<!-- gates -->\nold\n<!-- /gates -->\n")
    settings.BASE_DIR = tmp_path  # type: ignore[attr-defined]
    with pytest.raises(CommandError, match="isn’t current"):
        call_command("gate_docs", "--check")
    call_command("gate_docs")
    assert "Soak time" in (tmp_path / "docs" / "readiness.md").read_text()


class Answering(Double):
    """Answers as the API does."""

    reply = Reply({})

    def answer(self, asked: Asked) -> Reply:
        """Answer."""
        return self.reply


def compact(told: object) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode()


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_line_for_pipelines_fails_the_job_unless_the_release_is_ready(tmp_path: Path) -> None:
    (line,) = LINES
    late = with_story("PAY-1", stage="dev_done")(ready())
    cases = [
        (Reply(compact(document(judge(ready(), template())))), 0),
        (Reply(compact(document(judge(late, template())))), 1),
        (Reply(compact({"ready": True}), 403), 1),
        (Reply(b""), 1),
    ]
    double = Answering()
    environment = {"PATH": "/usr/bin:/bin", "RODEO": double.url.rstrip("/"), "TOKEN": "t"}
    try:
        for reply, wanted in cases:
            double.reply = reply
            done = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True)
            assert done.returncode == wanted, (wanted, done.stderr)
    finally:
        double.close()
    assert double.asked[0].path == "/api/v1/releases/shop-1.0/readiness/"
    assert double.asked[0].params == {"service": "checkout"}
