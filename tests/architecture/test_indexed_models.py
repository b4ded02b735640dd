"""Who may write what the search finds: a row that nobody tells of would not be found, or go on being found.

Each module listed here publishes the news that has the row indexed (portal/subscriptions.py), or changes nothing that is
found. tests/portal/search/test_index.py compares the index with the tables after every way of making a row.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin

from portal.kernel.admin import ReadOnly
from portal.search.documents import SOURCES

ROOT = Path(__file__).resolve().parents[2]
APPS = ("portal", "squads", "releases")
# What the entries of the index are made from: their models, and what else they name.
INDEXED = {
    "Story": "squads.Story",
    "StoryAlias": "squads.StoryAlias",
    "Comment": "squads.Comment",
    "Squad": "squads.Squad",
    "Service": "squads.Service",
    "User": "portal.User",
    "Retrospective": "squads.Retrospective",
    "Release": "releases.Release",
    "Incident": "releases.Incident",
    "Environment": "releases.Environment",
    "Source": "releases.Source",
    "Repository": "releases.Repository",
}
WRITES = {"save", "create", "bulk_create", "get_or_create", "update_or_create", "bulk_update", "delete", "update"}
BULK = {"write", "insert"}
# Each module that may write them, with how the index hears of it.
WRITERS = {
    "portal/accounts/actions.py": "User.save tells",
    "portal/accounts/sessions.py": "when somebody was last seen, and which sessions are good",
    "portal/accounts/models.py": "publishes PersonSaved, whoever saves or deletes an account",
    "portal/home/actions.py": "when somebody looked at the first page",
    "portal/sample/company.py": "dates only",
    "portal/sample/past_work.py": "dates only",
    "portal/sample/retrospectives.py": "dates only",
    "portal/sample/talk.py": "dates only",
    "portal/sample/removal.py": "publishes SearchEmptied when it takes everything away",
    "releases/environments/actions.py": "publishes EnvironmentSaved",
    "releases/incidents/actions.py": "publishes IncidentSaved and IncidentChanged",
    "releases/incidents/threads.py": "publishes IncidentChanged",
    "releases/mappings/resolve.py": "publishes ServiceChanged",
    "releases/contents/actions.py": "when git is asked next",
    "releases/monorepo/actions.py": "when a source is pulled next",
    "releases/pipelines/actions.py": "changes and tags",
    "releases/pipelines/repositories.py": "new repositories, which have no service yet",
    "releases/planning/actions.py": "publishes ReleaseSaved",
    "releases/planning/tags.py": "publishes ReleaseSaved",
    "releases/pulling/leases.py": "leases of sources",
    "releases/reports/squad_tokens.py": "publishes SourceSaved",
    "releases/sources/actions.py": "publishes SourceSaved",
    "releases/sources/connect_git.py": "publishes SourceSaved, ServiceSaved and ServiceChanged",
    "releases/sources/connect_system.py": "publishes SourceSaved",
    "squads/boards/actions.py": "limits of a board",
    "squads/discussions/actions.py": "publishes CommentSaved",
    "squads/endings/actions.py": "publishes StoryEnded, StoryDeleted and CommentSaved",
    "squads/handovers/actions.py": "publishes StoryMoved",
    "squads/imports/actions.py": "publishes StoriesImported, StoryEdited and CommentSaved",
    "squads/imports/tracker_issues.py": "publishes StoriesImported and StoryEdited",
    "squads/retrospective_imports/actions.py": "publishes RetrospectiveSaved",
    "squads/retrospectives/actions.py": "publishes RetrospectiveSaved",
    "squads/retrospectives/editing.py": "publishes RetrospectiveSaved",
    "squads/stories/actions.py": "publishes StoryCreated",
    "squads/stories/editing.py": "publishes StoryEdited",
    "squads/stories/models.py": "progress and judgements",
    "squads/stories/ranking.py": "places in lists",
    "squads/story_lists/many.py": "who did what to many stories; the verbs it calls tell",
    "squads/teams/actions.py": "publishes SquadSaved, ServiceSaved and ServiceChanged",
    "squads/teams/forms.py": "TODO",
    "squads/teams/models.py": "numbers of stories to come",
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def root_of(node: ast.AST) -> str:
    """Return the name that an expression begins with: Story of Story.objects.filter(…).first()."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute | ast.Subscript | ast.Starred | ast.Await | ast.NamedExpr):
            node = node.value
        else:
            return ""
    return node.id


def meanings(function: ast.AST) -> dict[str, set[str]]:
    """Return what the names in a function begin with or are declared as, as far as one can see it there."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.arg) and node.annotation:
            found.setdefault(node.arg, set()).update(re.findall(r"\w+", ast.unparse(node.annotation)))
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.For | ast.comprehension | ast.NamedExpr):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            value = node.iter if isinstance(node, ast.For | ast.comprehension) else node.value
            names = {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
            for name in names if value is not None else ():
                found.setdefault(name, set()).add(root_of(value) if value is not None else "")
            if isinstance(node, ast.AnnAssign):
                found.setdefault(root_of(node.target), set()).update(re.findall(r"\w+", ast.unparse(node.annotation)))
    return found


def is_write(call: ast.Call, known: dict[str, set[str]]) -> bool:
    """Say whether a call writes an indexed row. A dictionary is updated with another, rows are updated by name."""
    name = ast.unparse(call.func).rpartition(".")[2]
    if name in BULK:
        return bool(call.args) and root_of(call.args[0]) in INDEXED
    if name not in WRITES or not isinstance(call.func, ast.Attribute) or (name == "update" and not call.keywords):
        return False
    meant, seen = {root_of(call.func)}, set[str]()
    while fresh := meant - seen:
        seen |= fresh
        meant |= {each for one in fresh for each in known.get(one, ())}
    return bool(meant & set(INDEXED))


def writes(tree: ast.Module) -> bool:
    """Say whether a module writes rows that the search finds, as far as one can see it there."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inside = [(call, meanings(each)) for each in functions for call in ast.walk(each) if isinstance(call, ast.Call)]
    models = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name in INDEXED]
    own = [call for each in models for call in ast.walk(each) if isinstance(call, ast.Call)]
    saves = any(ast.unparse(call.func) in ("super().save", "self.save", "super().delete") for call in own)
    return saves or any(is_write(call, known) for call, known in inside)


def test_only_these_modules_write_what_the_search_finds() -> None:
    found = {path for path, tree in modules() if writes(tree)}
    assert found == set(WRITERS), "have the news published where the row is written, and list the module here"


def test_every_indexed_kind_has_its_model_here() -> None:
    assert len(SOURCES) == len(INDEXED) - len({"StoryAlias", "Repository"})


@pytest.mark.parametrize("label", sorted(INDEXED.values()))
def test_the_admin_pages_write_it_with_the_same_verbs(label: str) -> None:
    page = admin.site._registry[apps.get_model(label)]
    if isinstance(page, ReadOnly):
        return
    own = {name for cls in type(page).__mro__ if cls.__module__.split(".")[0] in APPS for name in vars(cls)}
    if label == "portal.User":
        assert "delete_queryset" in own, "deleting many at once would tell of none"
        return
    assert {"save_model", "has_delete_permission"} <= own, "what is saved here would not be indexed"
