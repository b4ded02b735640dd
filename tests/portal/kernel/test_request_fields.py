"""What a refusal of an unread field says: the field, the nearest one, or how the thing changes instead."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from portal.accounts.models import User
from portal.kernel.request_fields import unknown_name
from releases.models import Environment, MappingRule
from squads.models import Squad, Story
from squads.stories.actions import create_story

V1 = "/api/v1/"


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Refunds")


def patch(browser: Client, address: str, **said: Any) -> Any:
    return browser.patch(f"{V1}{address}", said, content_type="application/json")


def post(browser: Client, address: str, **said: Any) -> Any:
    return browser.post(f"{V1}{address}", said, content_type="application/json")


def details(answer: Any) -> dict[str, str]:
    assert answer.status_code == 400
    return {each["attr"]: each["detail"] for each in answer.json()["errors"]}


def test_a_misspelt_field_is_told_with_the_nearest_one(as_ana: Client, as_pam: Client, story: Story) -> None:
    said = details(patch(as_ana, "stories/PAY-1/", titel="x", stage="rodeo_done"))
    assert said["titel"] == "There’s no field “titel”. Did you mean “title”?"
    assert said["stage"].startswith("“stage” can’t be changed here. It follows from evidence. POST …/evidence/")
    said = details(post(as_ana, "stories/", squad="payments", title="t", relase="none"))
    assert said == {"relase": "There’s no field “relase”. Did you mean “release”?"}
    Environment.objects.create(key="production", slug="production", name="Production", tier="production")
    said = details(patch(as_pam, "environments/production/", tire="testing"))
    assert said == {"tire": "There’s no field “tire”. Did you mean “tier”?"}
    rule = {"kind": "environment", "pattern": "prd-*", "environment": "production"}
    said = details(post(as_pam, "mapping-rules/", **rule, severty="high"))
    assert said == {"severty": "There’s no field “severty”. Did you mean “severity”?"}
    assert Story.objects.get().title == "Refunds" and not MappingRule.objects.exists()


@pytest.mark.parametrize(
    ("field", "remedy"),
    [
        ("squad", "POST …/squad/"),
        ("key", "POST …/squad/"),
        ("progress", "POST …/progress/"),
        ("blocked_because", "POST …/block/"),
    ],
)
def test_what_changes_otherwise_is_told_with_how(as_ana: Client, story: Story, field: str, remedy: str) -> None:
    assert remedy in details(patch(as_ana, "stories/PAY-1/", **{field: "another"}))[field]


def test_a_whole_object_may_be_sent_back_as_it_was_read(as_ana: Client, as_pam: Client, story: Story) -> None:
    read = as_ana.get(f"{V1}stories/PAY-1/").json()
    changed = patch(as_ana, "stories/PAY-1/", **{**read, "title": "Refunds in parts"})
    assert (changed.status_code, changed.json()["title"]) == (200, "Refunds in parts")
    read = changed.json()
    refused = details(patch(as_ana, "stories/PAY-1/", **{**read, "created_at": "2020-01-01T00:00:00Z"}))
    assert refused == {"created_at": "“created_at” is read-only. Leave it out."}
    for address, browser in (("squads/payments/", as_ana),):
        squad = browser.get(f"{V1}{address}").json()
        assert patch(browser, address, **squad).status_code in (200, 403)
    Environment.objects.create(key="qa", slug="qa", name="QA", tier="testing")
    place = as_pam.get(f"{V1}environments/qa/").json()
    assert patch(as_pam, "environments/qa/", **{**place, "name": "Quality"}).json()["name"] == "Quality"


def test_who_sends_very_many_strange_names_gets_a_short_answer(as_ana: Client, story: Story) -> None:
    said = details(patch(as_ana, "stories/PAY-1/", **{f"{number}{'x' * 900}": 1 for number in range(100)}))
    assert len(said) == 20 and all(len(each) < 400 for each in said.values())


def test_a_name_like_nothing_is_told_all_there_are() -> None:
    assert unknown_name("zzz", ["title", "type"]) == "There’s no field “zzz”. There are: title, type."
    assert unknown_name("zzz", []) == "There’s no field “zzz”. This takes none."
    assert unknown_name("Title", ["title"]) == "There’s no field “Title”. Did you mean “title”?"


def test_a_board_is_not_shown_whole_because_a_filter_is_misspelt(as_ana: Client, story: Story) -> None:
    answer = as_ana.get(f"{V1}squads/payments/board/?persn=ana")
    assert list(details(answer)) == ["persn"]


def test_a_field_of_a_files_columns_is_told_like_any_other(as_ana: Client, payments: Squad) -> None:
    address = "squads/payments/imports/"
    file = SimpleUploadedFile("work.csv", b"Summary\nRefunds\n", "text/csv")
    number = as_ana.post(f"{V1}{address}", {"file": file, "kind": "csv"}).json()["id"]
    said = details(patch(as_ana, f"{address}{number}/", columns={"titel": "Summary"}))
    assert said == {"columns.titel": "There’s no field “titel”. Did you mean “title”?"}
    assert patch(as_ana, f"{address}{number}/", columns={"title": "Summary"}).status_code == 200
