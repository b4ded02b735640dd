"""The shape of the code: who may import whom, what modules are called, and that providers stay pure."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("portal", "squads", "releases")
DRAWERS = {"utils", "util", "helpers", "helper", "services", "common", "misc", "core", "tools"}
# What is not a feature: the cellar, and what Django or deployment wants to find under these names.
NOT_FEATURES = {"portal.kernel", "portal.settings", "portal.management", "portal.migrations", "portal.templatetags"}
# The feature may call its modules by these names, and by names that say what only it has (ladder, containment, ...).
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def packages() -> list[Path]:
    return sorted(path.parent for app in APPS for path in (ROOT / app).rglob("__init__.py"))


def modules() -> list[Path]:
    return sorted(path for app in APPS for path in (ROOT / app).rglob("*.py"))


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_imports_go_down_only() -> None:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_feature_is_under_the_contract_about_its_inside() -> None:
    inside = next(each for each in CONTRACTS if each["name"].startswith("Inside a feature"))
    features = {
        dotted(path)
        for path in packages()
        if len(path.relative_to(ROOT).parts) == 2 and path.name not in ("management", "migrations")
    }
    assert set(inside["containers"]) == features - NOT_FEATURES


def test_every_feature_of_an_app_has_its_place_in_the_layers() -> None:
    for app in ("squads", "releases"):
        contract = next(each for each in CONTRACTS if each.get("containers") == [app])
        placed = {name.strip(" ()") for layer in contract["layers"] for name in layer.replace(":", "|").split("|")}
        found = {path.parent.name for path in (ROOT / app).glob("*/__init__.py")} - {"migrations"}
        assert found <= placed, f"{app}: name {found - placed} in [tool.importlinter]"


def test_no_module_is_a_drawer_for_everything() -> None:
    assert [dotted(path) for path in modules() if path.stem in DRAWERS or path.parent.name in DRAWERS] == []


@pytest.mark.parametrize("path", sorted((ROOT / "releases/providers").rglob("*.py")), ids=dotted)
def test_a_provider_knows_no_django(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        assert not [name for name in names if name.split(".")[0] in ("django", "rest_framework", "celery", "portal")]


def test_modules_stay_readable() -> None:
    long = {dotted(path): len(path.read_text().splitlines()) for path in modules() if path.parent.name != "migrations"}
    assert {name: lines for name, lines in long.items() if lines > 500} == {}
