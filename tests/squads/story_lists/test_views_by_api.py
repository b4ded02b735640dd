"""Saved views of the list of stories, and its order, over the API."""

from typing import Any

from django.test import Client

from portal.accounts.models import User
from squads.models import Squad, StoryView
from squads.stories.actions import create_story

VIEWS = "/api/v1/story-views/"


def send(browser: Client, method: str, path: str, **said: Any) -> Any:
    return getattr(browser, method)(path, said, content_type="application/json")


def test_a_view_is_saved_renamed_made_the_first_and_deleted(as_ana: Client, ana: User) -> None:
    made = send(as_ana, "post", VIEWS, name="Late", query="due=late&sort=due")
    assert made.status_code == 201
    view = made.json()
    assert (view["name"], view["query"], view["is_default"]) == ("Late", "due=late&sort=due", False)
    changed = send(as_ana, "patch", f"{VIEWS}{view['id']}/", name="Overdue", is_default=True).json()
    assert (changed["name"], changed["is_default"]) == ("Overdue", True)
    assert [each["name"] for each in as_ana.get(VIEWS).json()["results"]] == ["Overdue"]
    assert as_ana.delete(f"{VIEWS}{view['id']}/").status_code == 204
    assert not StoryView.objects.exists()


def test_nobody_sees_or_changes_the_views_of_others(as_ana: Client, as_bo: Client, bo: User) -> None:
    view = send(as_bo, "post", VIEWS, name="Mine", query="blocked=1").json()
    assert as_ana.get(VIEWS).json()["results"] == []
    assert send(as_ana, "patch", f"{VIEWS}{view['id']}/", name="Hers").status_code == 404
    assert as_ana.delete(f"{VIEWS}{view['id']}/").status_code == 404
    assert as_ana.get(f"{VIEWS}x/").status_code in (404, 405)
    assert StoryView.objects.get().name == "Mine"


def test_a_view_without_a_filter_or_with_a_name_twice_is_refused_by_field(as_ana: Client) -> None:
    refused = send(as_ana, "post", VIEWS, name="All", query="nothing=1")
    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "query")
    first, second = (send(as_ana, "post", VIEWS, name=name, query="blocked=1").json() for name in ("One", "Two"))
    refused = send(as_ana, "patch", f"{VIEWS}{second['id']}/", name="One")
    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "name")
    assert first["name"] == "One"


def test_stories_come_in_the_order_that_is_asked_for(as_ana: Client, ana: User, payments: Squad) -> None:
    for title, priority in (("Plain", "normal"), ("Urgent", "urgent"), ("Low", "low")):
        create_story(payments, by=ana, title=title, priority=priority)

    def listed(**query: str) -> list[str]:
        return [each["title"] for each in as_ana.get("/api/v1/stories/", query).json()["results"]]

    assert listed() == ["Low", "Urgent", "Plain"]
    assert listed(sort="priority") == ["Urgent", "Plain", "Low"]
    assert listed(sort="key") == ["Plain", "Urgent", "Low"]
    refused = as_ana.get("/api/v1/stories/", {"sort": "luck"})
    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "sort")
