"""What collectstatic makes of the pages' styles and scripts."""

import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings

from portal.settings.base import STORAGES

SOURCES = Path(__file__).resolve().parents[3] / "portal" / "static" / "portal"


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("static")
    with override_settings(STATIC_ROOT=root, STORAGES=STORAGES):
        call_command("collectstatic", interactive=False, verbosity=0)
    return root / "portal"


def hashed(folder: Path, name: str) -> str:
    """Return the text of the file that pages name."""
    [found] = [path for path in folder.iterdir() if re.fullmatch(rf"{name}\.[0-9a-f]{{12}}\.\w+", path.name)]
    return found.read_text()


def test_all_styles_are_in_one_file_and_in_their_layers(collected: Path) -> None:
    text = hashed(collected / "css", "rodeo")
    assert "@import" not in text
    for name, layer in re.findall(
        r'@import url\("([\w.-]+)"\) layer\((\w+)\)', (SOURCES / "css" / "rodeo.css").read_text()
    ):
        part = (SOURCES / "css" / name).read_text()
        assert f"@layer {layer} {{\n{part}}}" in text, name


def test_scripts_import_one_another_by_names_that_tell_their_contents(collected: Path) -> None:
    imported = [
        name
        for path in (collected / "js").glob("*.*.js")
        for name in re.findall(r'from "\./([^"]+)"', path.read_text())
    ]
    assert imported
    assert [name for name in imported if not re.fullmatch(r"[\w-]+\.[0-9a-f]{12}\.js", name)] == []
