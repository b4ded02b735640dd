"""What collectstatic makes of the pages' styles and scripts."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage
from django.core.management import call_command
from django.test import override_settings

from portal.kernel.static_files import Bundles
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
    source = (SOURCES / "css" / "rodeo.css").read_text()
    for name, layer in re.findall(r'@import url\("([\w.-]+)"\) layer\((\w+)\)', source):
        part = (SOURCES / "css" / name).read_text()
        assert f"@layer {layer} {{\n{part}}}" in text, name


def test_a_script_has_in_it_whatever_it_imports(collected: Path) -> None:
    for path in (SOURCES / "js").iterdir():
        text = hashed(collected / "js", path.stem)
        assert not re.search(r"^import\b", text, re.MULTILINE), path.name
        for other in re.findall(r'from "\./([\w-]+)\.js"', path.read_text()):
            assert f"const module_{other.replace('-', '_')} = (() => {{" in text


def bundle(folder: Path, **scripts: str) -> Any:
    for name, text in scripts.items():
        (folder / f"{name}.js").write_text(text)
    return Bundles(FileSystemStorage(folder)).open("one.js").read().decode()


@pytest.mark.parametrize(
    "line",
    ['import all from "./two.js";', "export let count = 0;", 'import "./two.js";', 'export * from "./two.js";'],
)
def test_what_cannot_be_bundled_stops_collectstatic(line: str, tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"one\.js cannot be bundled"):
        bundle(tmp_path, one=f"{line}\n", two="export const two = 2;\n")


def test_scripts_that_import_each_other_stop_collectstatic(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="in a circle"):
        bundle(
            tmp_path,
            one='import { two } from "./two.js";\nexport const one = 1;\n',
            two='import { one } from "./one.js";\nexport const two = 2;\n',
        )
