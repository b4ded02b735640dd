"""Every page and every list of the API, with a cancelled story about: none shows it, but those that are about it."""

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
        if made.ended.title.encode() in (answer.getvalue() if answer.streaming else answer.content):
            shown.append(row.route)
    assert shown == [] and looked_at > 80


def test_its_own_page_shows_it(made: World) -> None:
    browser = Client()
    browser.force_login(made.people["reader"])  # type: ignore[arg-type]
    for address in (made.ended.get_absolute_url(), f"/is/{made.ended.key}"):
        assert made.ended.title.encode() in browser.get(address, headers={"accept": "text/html"}).content
    assert browser.get(f"/api/v1/stories/{made.ended.key}/").json()["title"] == made.ended.title
