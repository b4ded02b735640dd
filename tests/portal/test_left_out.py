"""Every page and every list of the API, with a cancelled story and an archived squad about: none shows the story, or one of
the squad's, but those that are about it."""

from django.test import Client
from django.urls import reverse

from portal.kernel import outbox
from portal.ops.permissions import rows

from .permissions import CASES, World

# Its own pages say what it is; the history of what people did goes on listing it.
ABOUT_IT = {"squads:endings:reopen", "api:story-reopen", "admin:squads_storyedit_changelist"}
# The admin pages list every row there is.
ADMIN = "admin:"


def test_no_list_shows_a_cancelled_story(made: World) -> None:
    outbox.deliver()
    browser = Client()
    browser.force_login(made.people["administrator"])  # type: ignore[arg-type]
    shown, looked_at = [], 0
    for row in rows():
        if "GET" not in row.methods or row.name in ABOUT_IT or row.name.startswith(ADMIN):
            continue
        answer = browser.get(reverse(row.name, args=CASES[row.name].args(made)))
        looked_at += 1
        said = answer.getvalue() if answer.streaming else answer.content
        if made.ended.title.encode() in said or b"Clear a cheque" in said:
            shown.append(row.route)
    assert shown == [] and looked_at > 80


def test_its_own_page_shows_it(made: World) -> None:
    browser = Client()
    browser.force_login(made.people["reader"])  # type: ignore[arg-type]
    for address in (made.ended.get_absolute_url(), f"/is/{made.ended.key}"):
        assert made.ended.title.encode() in browser.get(address, headers={"accept": "text/html"}).content
    assert browser.get(f"/api/v1/stories/{made.ended.key}/").json()["title"] == made.ended.title


def test_search_leaves_it_out_unless_it_is_called_by_its_key(made: World) -> None:
    outbox.deliver()
    browser = Client()
    browser.force_login(made.people["reader"])  # type: ignore[arg-type]

    def found(query: str) -> list[str]:
        return [each["key"] for each in browser.get(f"/api/v1/search/?kind=story&q={query}").json()["results"]]

    assert found("cheque") == []
    assert set(found("cheque&ended=with")) == {made.ended.key, "CHQ-1"}
    assert found(made.ended.key) == found("is:cancelled") == [made.ended.key]
    page = browser.get("/search/?q=cheque").content.decode()
    assert "2 stories are left out: cancelled, a duplicate, or in an archived squad." in page
    assert "Clear a <mark>cheque</mark>" in browser.get("/search/?q=cheque&ended=with").content.decode()
