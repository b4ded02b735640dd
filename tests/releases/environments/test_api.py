"""Environments over the API."""

from typing import Any

from django.http import HttpResponse
from django.test import Client

from releases.environments.actions import environment_named

ENVIRONMENTS = "/api/v1/environments/"


def post(browser: Client, address: str, body: Any) -> HttpResponse:
    return browser.post(address, body, content_type="application/json")  # type: ignore[return-value]


def test_an_environment_is_made_before_any_event_names_it(as_ana: Client) -> None:
    wanted = {
        "key": "prod-eu",
        "name": "Production EU",
        "tier": "production",
        "location": "Berlin",
        "web": "https://x.example",
    }
    answer = post(as_ana, ENVIRONMENTS, wanted)
    assert answer.status_code == 201
    shown = answer.json()
    assert wanted.items() <= shown.items()
    assert (shown["slug"], shown["discovered"]) == ("prod-eu", False)
    assert as_ana.get(f"{ENVIRONMENTS}prod-eu/").json() == shown
    again = post(as_ana, ENVIRONMENTS, wanted)
    assert (again.status_code, again.json()["errors"][0]["attr"]) == (400, "key")
    assert environment_named("prod-eu").name == "Production EU"


def test_one_that_events_discovered_is_described_afterwards(as_bo: Client) -> None:
    environment_named("qa2")
    answer = as_bo.patch(f"{ENVIRONMENTS}qa2/", {"tier": "staging", "order": 5}, content_type="application/json")
    assert (answer.json()["tier"], answer.json()["order"], answer.json()["discovered"]) == ("staging", 5, True)
    wrong = as_bo.patch(f"{ENVIRONMENTS}qa2/", {"tier": "moon", "web": "javascript:x"}, content_type="application/json")
    assert {each["attr"] for each in wrong.json()["errors"]} == {"tier", "web"}


def test_people_without_a_squad_only_read(client: Client, django_user_model: Any) -> None:
    environment_named("qa2")
    client.force_login(django_user_model.objects.create_user("new"))
    assert post(client, ENVIRONMENTS, {"key": "x"}).status_code == 403
    assert client.patch(f"{ENVIRONMENTS}qa2/", {"order": 5}, content_type="application/json").status_code == 403
    assert client.get(f"{ENVIRONMENTS}?tier=testing").json()["count"] == 1
    assert client.delete(f"{ENVIRONMENTS}qa2/").status_code in (403, 405)


def test_the_list_costs_the_same_however_long_it_is(as_ana: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        environment_named(f"qa{number}")
    with django_assert_max_num_queries(4):
        assert as_ana.get(f"{ENVIRONMENTS}?page_size=200").json()["count"] == 30
