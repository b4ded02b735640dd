"""Whatever not everybody may do leaves an entry in the audit log, by every address that does it."""

from typing import Any

import pytest
from django.test import Client

from portal.kernel.models import AuditEntry
from portal.ops.permissions import Row, rows

from .permissions import World
from .test_permissions import ask, expected

GUARDED = {"leads", "answers", "founders", "managers", "administrators"}
# What changes nothing that lasts: tries, pulls that would have come anyway, and what mail that is off refuses.
NOTHING_LASTS = {
    "account:session_end",
    "administration:test_mail",
    "people:second_factor",
    "api:person-second-factor",
    "releases:reading:source_try",
    "releases:sources:pull",
    "releases:sources:test",
    "api:gate-template-preview",
    "api:source-git-preview",
    "api:source-pull",
    "api:source-test",
}
CHANGING = [
    row for row in rows() if row.mark in GUARDED and set(row.methods) - {"GET"} and row.name not in NOTHING_LASTS
]


@pytest.mark.parametrize("row", CHANGING, ids=lambda row: f"{row.methods} {row.name}")
def test_every_address_that_not_everybody_may_use_leaves_an_entry(row: Row, made: World) -> None:
    role = "lead" if row.mark == "leads" else "administrator"
    person: Any = made.people[role]
    for method in set(row.methods) - {"GET"}:
        assert role in expected(row, method)
        browser = Client()
        browser.force_login(person)
        AuditEntry.objects.all().delete()
        answer = ask(browser, row, method, made)
        entries = list(AuditEntry.objects.all())
        assert entries, f"{method} {row.route} left no entry: {answer.status_code} {answer.content[:300]!r}"  # type: ignore[attr-defined]
        assert all(each.by == person for each in entries)
        assert not any(made.secret in each.did or made.token.digest in each.did for each in entries)
