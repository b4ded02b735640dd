"""The shape of the code: who may import whom, what modules are called, and that providers stay pure."""

import ast
import re
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


def test_every_feature_is_under_a_contract_about_its_inside_that_knows_all_its_modules() -> None:
    inside = [each for each in CONTRACTS if each["name"].startswith("Inside ") and each.get("exhaustive")]
    features = {
        dotted(path)
        for path in packages()
        if len(path.relative_to(ROOT).parts) == 2 and path.name not in ("management", "migrations")
    }
    # Providers stand beside each other: another contract says so.
    assert {name for each in inside for name in each["containers"]} == features - NOT_FEATURES - {"releases.providers"}


def test_no_provider_imports_another() -> None:
    contract = next(each for each in CONTRACTS if each["type"] == "independence")
    found = {dotted(path.parent) for path in (ROOT / "releases/providers").glob("*/__init__.py")}
    assert set(contract["modules"]) == found


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


def module_graph() -> dict[str, set[str]]:
    """Who imports whom among our modules, imports inside functions included; those for the type checker alone left out."""
    names = {dotted(path).removesuffix(".__init__"): path for path in modules() if "migrations" not in path.parts}
    graph: dict[str, set[str]] = {name: set() for name in names}
    for name, path in names.items():
        tree = ast.parse(path.read_text())
        typing = [
            node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        ]
        skipped = {id(inner) for node in typing for inner in ast.walk(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and id(node) not in skipped:
                targets = [f"{node.module}.{each.name}" for each in node.names]
                graph[name] |= {target if target in names else node.module for target in targets} & names.keys() - {
                    name
                }
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of nodes that reach each other."""
    reach = {name: set(targets) for name, targets in graph.items()}
    for middle in reach:
        for name in reach:
            if middle in reach[name]:
                reach[name] |= reach[middle]
    groups = {tuple(sorted(each for each in reach[name] if name in reach.get(each, ()))) for name in reach}
    return sorted(list(group) for group in groups if len(group) > 1)


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(module_graph()) == []


def test_no_packages_import_each_other_in_a_circle() -> None:
    def package(module: str) -> str:
        return ".".join(module.split(".")[:2])

    graph: dict[str, set[str]] = {}
    for module, targets in module_graph().items():
        here = package(module)
        graph.setdefault(here, set()).update(package(target) for target in targets if package(target) != here)
    assert circles(graph) == []


def test_a_circle_would_be_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_no_package_has_more_modules_than_one_remembers() -> None:
    sizes = {
        dotted(folder): len([each for each in folder.glob("*.py") if each.stem != "__init__"])
        for app in APPS
        for folder in (ROOT / app).iterdir()
        if (folder / "__init__.py").exists() and folder.name not in ("migrations", "kernel", "providers")
    }
    assert {name: size for name, size in sizes.items() if size > 15} == {}


def test_the_map_in_contributing_lists_every_package() -> None:
    listed = re.findall(r"^\| `((?:portal|squads|releases)/\w+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
    found = {
        f"{app}/{folder.name}"
        for app in APPS
        for folder in (ROOT / app).iterdir()
        if (folder / "__init__.py").exists() and folder.name != "migrations"
    }
    assert sorted(listed) == sorted(found)


# Declared by name instead of imported: squads names some models of releases (docs/adr/0002), and a model that its own
# queryset needs. Whoever needs another writes it here, with a reason in the decision record.
BY_NAME = {
    "portal.accounts.sessions": {"import_module"},
    "portal.live.people": {"import_module"},
    "squads.acceptance.querysets": {"Membership"},
    "squads.boards.queries": {"Release"},
    "squads.discussions.queries": {"Story"},
    "squads.imports.foreign_keys": {"StoryLink"},
    "squads.imports.named_releases": {"Release"},
    "squads.labels.actions": {"Story"},
    "squads.labels.queries": {"Story"},
    "squads.retrospectives.queries": {"RetrospectiveAction"},
    "squads.retrospectives.querysets": {
        "Membership",
        "RetrospectiveEdit",
        "RetrospectiveParticipant",
        "RetrospectiveSection",
    },
    "squads.stories.serializers": {"Release"},
    "squads.stories.authorship": {"StoryLink"},
    "squads.judging.actions": {"Story"},
    "squads.judging.inputs": {"Evidence", "StoryEdit"},
    "squads.judging.subscribers": {"Story"},
    "squads.stories.queries": {"Environment", "Retrospective", "Run"},
    "squads.stories.querysets": {"StoryAlias", "StoryEdit"},
    "squads.story_pages.lookup": {"RetrospectiveAction"},
    "squads.teams.models": {"StoryAlias"},
    "squads.teams.queries": {"Deployment", "Repository", "Story"},
}


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            found.append((name, node))
    return found


def test_nothing_is_reached_around_the_contracts_but_what_is_listed() -> None:
    found: dict[str, set[str]] = {}
    for path in modules():
        if "migrations" in path.parts:
            continue
        for name, call in calls(path):
            if name == "get_model":
                found.setdefault(dotted(path), set()).add(ast.literal_eval(call.args[1]))
            elif name in ("import_module", "__import__"):
                found.setdefault(dotted(path), set()).add(name)
    assert found == BY_NAME


# What opens connections, and who may: the HTTP client, the broker, the stream process, and what starts and watches processes.
CONNECTING = {"aiohttp", "http.client", "httpcore2", "httpx2", "requests", "socket", "urllib.request", "urllib3"}
MAY_CONNECT = {"portal.ops.heartbeat", "portal.ops.start", "portal.ops.web_worker"}


def test_only_the_http_client_opens_connections_to_other_systems() -> None:
    found = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [each.name for each in node.names]
                if isinstance(node, ast.Import)
                else [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            if CONNECTING & set(names) and not dotted(path).startswith("portal.kernel.http."):
                found.add(dotted(path))
    assert found == MAY_CONNECT


def test_modules_stay_readable() -> None:
    long = {dotted(path): len(path.read_text().splitlines()) for path in modules() if path.parent.name != "migrations"}
    assert {name: lines for name, lines in long.items() if lines > 500} == {}
