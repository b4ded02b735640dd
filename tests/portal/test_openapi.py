"""The API describes itself, and the description in the repository is the current one."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

SNAPSHOT = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
AGAIN = "run: .venv/bin/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml"


def test_the_snapshot_is_current_and_valid() -> None:
    said = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=said)
    assert said.getvalue() == SNAPSHOT.read_text(), f"the API changed: look at what changed, then {AGAIN}"


def test_schema_and_documentation_are_for_those_who_may_read(client: Client, as_ana: Client) -> None:
    for address in ("/api/schema/", "/api/docs/"):
        assert client.get(address).status_code in (401, 403)
        assert as_ana.get(address).status_code == 200


def test_the_documentation_loads_nothing_from_elsewhere(as_ana: Client) -> None:
    text = as_ana.get("/api/docs/").content.decode()
    assert "/static/drf_spectacular_sidecar/" in text
    assert "//cdn" not in text


@pytest.mark.parametrize(
    "address", ["releases/%00/", "squads/%00/", "sources/x%00/", "environments/%00/", "stories/%00/"]
)
def test_no_name_holds_a_nul(as_root: Client, address: str) -> None:
    assert as_root.get(f"/api/v1/{address}").status_code == 404
    assert as_root.patch(f"/api/v1/{address}", "{}", content_type="application/json").status_code in (404, 405)


def test_odd_bodies_and_names_are_refused(as_root: Client, client: Client, payments: object) -> None:
    for body in ("[" * 50_000, '{"squad": "\\u0000", "title": "x"}', '{"squad": ["a"], "title": "x"}', "nope", "[1]"):
        assert as_root.post("/api/v1/stories/", body, content_type="application/json").status_code == 400
    release = '{"squad": "payments", "title": "x", "release": "\\u0000"}'
    assert as_root.post("/api/v1/stories/", release, content_type="application/json").status_code == 400
    assert client.get("/api/v1/squads/", headers={"Authorization": "Basic AGE6AGE="}).status_code == 401
    assert as_root.delete("/api/v1/squads/payments/members/%00/").status_code == 404
