"""What administrators, project managers and leads do is in the audit log, whichever door they use."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from portal.accounts.actions import make_token
from portal.accounts.models import User
from portal.kernel import audit, clock
from portal.kernel.models import AuditEntry
from squads.models import Squad

AUDIT = "/administration/audit/"


def test_the_log_is_read_by_person_kind_and_day(as_root: Client, root: User, pam: User) -> None:
    for by, did, kind, days in (
        (root, "allowed the host ci.example.org", "host", 0),
        (pam, "added the mapping rule build", "mapping", 3),
        (None, "pruned itself", "retention", 9),
    ):
        audit.record(by=by, did=did, kind=kind)
        AuditEntry.objects.filter(did=did).update(at=clock.now() - timedelta(days=days))

    def shown(**asked: str) -> list[bool]:
        page = as_root.get(AUDIT, asked).content.decode()
        return [words in page for words in ("allowed the host", "added the mapping", "pruned itself")]

    day = (clock.now() - timedelta(days=3)).date().isoformat()
    assert shown() == [True, True, True]
    assert shown(by="PAM") == [False, True, False]
    assert shown(kind="host") == [True, False, False]
    assert shown(since=day, until=day) == [False, True, False]
    # Days that no clock reaches are days all the same.
    assert shown(since="0001-01-01", until="9999-12-31") == [True, True, True]
    assert as_root.get(AUDIT, {"since": "yesterday"}).status_code == 400
    assert "No entries match" in as_root.get(AUDIT, {"by": "nobody"}).content.decode()
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert as_root.get("/api/v1/audit-entries/", {"since": moment}).status_code == 400
    found = as_root.get("/api/v1/audit-entries/", {"kind": "mapping"}).json()["results"]
    assert [(each["by"], each["did"]) for each in found] == [("pam", "added the mapping rule build")]


def test_what_a_token_did_names_the_token(lea: User, payments: Squad, as_root: Client) -> None:
    _, secret = make_token(by=lea, user=lea, name="Cleaner", scopes=["write"], days=7)
    browser = Client(headers={"authorization": f"Bearer {secret}"})
    assert browser.post("/api/v1/squads/payments/archive/", {}, content_type="application/json").status_code == 200
    page = as_root.get(AUDIT).content.decode()
    assert "archived the squad Payments" in page and "with the token Cleaner" in page
    assert secret not in page


def test_a_correction_by_hand_is_noted(as_root: Client, payments: Squad) -> None:
    as_root.post(
        "/admin/squads/squad/add/",
        {
            "name": "Search",
            "slug": "search",
            "key_prefix": "SEA",
            "kind": "vertical",
            "memberships-TOTAL_FORMS": "0",
            "memberships-INITIAL_FORMS": "0",
        },
    )
    assert AuditEntry.objects.get(kind="row").did == "added the squad Search by hand"


def test_only_known_kinds_are_recorded(root: User) -> None:
    with pytest.raises(ValueError, match="KINDS"):
        audit.record(by=root, did="did something", kind="thing")


def test_the_list_takes_as_many_queries_for_many_as_for_one(
    as_root: Client, root: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(60):
        audit.record(by=root, did=f"did {number}", kind="host")
    with django_assert_max_num_queries(6):
        page = as_root.get(AUDIT).content.decode()
    assert "1 to 50 of 60 entries" in page
