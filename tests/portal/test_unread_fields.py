"""Nothing that a program sends is passed over in silence: what no reader takes is refused by its name."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from portal.accounts.actions import make_token
from portal.kernel.api_schema import ServedSchema
from portal.ops.permissions import Row

from .permissions import ROLES, World
from .test_permissions import CHANGING, ROWS, case_of, expected, snapshot, without_new_source

# What is read of a request is decided before any database is asked.
pytestmark = pytest.mark.only_on("sqlite")
WRITING = [row for row in CHANGING if row.route.startswith("/api/")]
LISTS = [row for row in ROWS if row.route.startswith("/api/v1/") and row.methods == ("GET",)]


def browser_for(row: Row, method: str, made: World) -> Client:
    if row.mark == "reports":
        _, secret = make_token(by=made.people["lead"], name="x", scopes=["report"], days=7, squad=made.squad)
        return Client(HTTP_AUTHORIZATION=f"Bearer {secret}")
    role = next(role for role in reversed(ROLES) if role in expected(row, method))
    browser = Client()
    browser.force_login(made.people[role])  # type: ignore[arg-type]
    return browser


def operations(*methods: str) -> list[tuple[str, str, Any]]:
    paths = ServedSchema().get_schema()["paths"]
    return [(path, method, said) for path, each in paths.items() for method, said in each.items() if method in methods]


def names_of(answer: Any) -> list[str]:
    return [each["attr"] for each in answer.json()["errors"]]


def test_every_writing_endpoint_of_the_schema_is_asked() -> None:
    asked = sorted(row.methods[0].lower() for row in WRITING)
    assert sorted(method for _, method, _ in operations("post", "patch", "put", "delete")) == asked


@pytest.mark.parametrize("row", WRITING, ids=lambda row: f"{row.methods[0]} {row.name}")
def test_a_field_that_nobody_reads_is_refused_by_name_and_changes_nothing(row: Row, made: World) -> None:
    (method,), case = row.methods, case_of(row)
    browser, address = browser_for(row, method, made), reverse(row.name, args=case.args(made))
    body = {"unreadd": 1} if method == "DELETE" else {**case.body(made), "unreadd": 1}
    before = snapshot()
    if any(hasattr(value, "read") for value in body.values()):
        answer = browser.post(address, body)
    else:
        answer = getattr(browser, method.lower())(address, json.dumps(body), content_type="application/json")
    assert (answer.status_code, names_of(answer)) == (400, ["unreadd"])
    assert "There’s no field “unreadd”." in answer.json()["errors"][0]["detail"]
    after = snapshot()
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert not {key for key in without_new_source(changed) if not key.startswith("portal.apitoken ")}


@pytest.mark.parametrize("row", WRITING, ids=lambda row: f"{row.methods[0]} {row.name}")
def test_a_parameter_that_no_writing_endpoint_reads_is_refused(row: Row, made: World) -> None:
    (method,), case = row.methods, case_of(row)
    browser, address = browser_for(row, method, made), reverse(row.name, args=case.args(made))
    body = {} if method == "DELETE" else case.body(made)
    sent = {} if any(hasattr(value, "read") for value in body.values()) else {"content_type": "application/json"}
    answer = getattr(browser, method.lower())(f"{address}?dry_run=1", body, **sent)
    assert (answer.status_code, names_of(answer)) == (400, ["dry_run"])


@pytest.mark.parametrize("row", LISTS, ids=lambda row: row.name)
def test_a_parameter_that_a_list_does_not_read_is_refused(row: Row, made: World) -> None:
    browser = browser_for(row, "GET", made)
    address = reverse(row.name, args=case_of(row).args(made))
    shown = browser.get(address, {"q": "pay"} if row.name == "api:search" else {})
    if shown["Content-Type"] != "application/json" or "results" not in shown.json():
        return
    answer = browser.get(f"{address}?page_sise=5")
    assert (answer.status_code, names_of(answer)) == (400, ["page_sise"])
    assert "Did you mean “page_size”?" in answer.content.decode()


def test_what_the_schema_says_of_a_list_is_read(made: World) -> None:
    browser = Client()
    browser.force_login(made.people["administrator"])  # type: ignore[arg-type]
    for row in LISTS:
        address = reverse(row.name, args=case_of(row).args(made))
        pattern = re.sub(r"\{\w+\}", "[^/]+", next(path for path, _, _ in operations("get") if _same(path, address)))
        said = next(said for path, _, said in operations("get") if re.sub(r"\{\w+\}", "[^/]+", path) == pattern)
        for each in said.get("parameters", ()):
            if each["in"] == "query":
                answer = browser.get(address, {each["name"]: "1"})
                assert "There’s no parameter" not in answer.content.decode(), f"{address}?{each['name']}"


def _same(path: str, address: str) -> bool:
    return bool(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), address))


def strict_parameters() -> list[tuple[str, str]]:
    """Return the parameters of addresses that have no parts to fill in, which take only some values."""
    return [
        (path, said["name"])
        for path, _, each in operations("get")
        for said in each.get("parameters", ())
        if said["in"] == "query" and "{" not in path
        if said["schema"].get("type") == "boolean" or "enum" in said["schema"].get("items", said["schema"])
    ]


@pytest.mark.parametrize(("path", "name"), strict_parameters())
def test_a_value_that_a_parameter_does_not_take_is_refused_and_not_answered_with_everything(
    path: str, name: str, made: World
) -> None:
    browser = Client()
    browser.force_login(made.people["administrator"])  # type: ignore[arg-type]
    answer = browser.get(path, {name: "perhaps"})
    assert (answer.status_code, names_of(answer)) == (400, [name])
