"""What the repository must not hold: addresses of one machine or network, and code from elsewhere on the web."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).name
# Written apart, so that this file does not find itself.
OURS = (r"/wor" r"k/(main|shared)", r"/ro" r"ot/", r"/home/(?!rodeo\b)\w+/", r"/Use" r"rs/\w+/", r"/opt/(wheels|pypi)")
MACHINE_PATHS = re.compile("|".join(OURS))
INDEXES = re.compile(
    r"--(extra-)?index-url|--find-links|pypi\.(org|python)|files\.pythonhosted|registry\.npmjs|deb\.debian"
)
ELSEWHERE = re.compile(r"""(?:src|href)\s*=\s*["'](?:https?:)?//[^"']+\.(?:js|mjs|css|woff2?)\b""")
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*type=[\"'](?:application/json|importmap)[\"'])[^>]*>|<style\b|\sstyle=|\son[a-z]+=[\"']"
)


def test_every_decision_is_listed_once_and_in_order() -> None:
    folder = ROOT / "docs/adr"
    listed = re.findall(r"^- \[(\d{4})\]\((.+?)\)", (folder / "README.md").read_text(), re.MULTILINE)
    there = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [name for _, name in listed] == there
    assert [number for number, _ in listed] == [name[:4] for name in there]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in tracked():
        try:
            found.append((path, path.read_text()))
        except UnicodeDecodeError:
            continue
    return found


def lines_with(pattern: re.Pattern[str], *, among: str = "*") -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path, text in texts()
        if path.name != HERE and path.match(among)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_knows_one_machine() -> None:
    assert lines_with(MACHINE_PATHS) == []


def test_no_file_names_a_package_index() -> None:
    # The words of the command that leaves them out are meant.
    assert [line for line in lines_with(INDEXES) if "no-emit-index-url" not in line] == []


def test_pages_load_nothing_from_elsewhere() -> None:
    assert lines_with(ELSEWHERE, among="*.html") + lines_with(ELSEWHERE, among="*.jinja") == []


@pytest.mark.parametrize("kind", ["*.html", "*.jinja"])
def test_pages_carry_no_inline_script_or_style(kind: str) -> None:
    assert lines_with(INLINE, among=kind) == []


def test_what_runs_is_pinned_alike_for_users_and_for_tests() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9][a-z0-9.-]*==\S+", (ROOT / name).read_text(), re.M))

    assert pins("requirements.txt") <= pins("requirements-dev.txt")


def test_every_pin_has_its_hashes() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text())
        assert [block.split()[0] for block in blocks if "==" in block and "--hash=sha256:" not in block] == []
