"""What one person changes, everybody who looks at it hears within a second; whatever dies meanwhile."""

import http.client
import os
import socket
import time
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from portal.accounts.models import User
from portal.kernel.broker import client as broker_client
from portal.kernel.live import CHANNEL, touch
from portal.live.hub import STREAMS_A_SESSION
from releases.models import Release
from releases.planning.actions import create_release
from squads.models import Squad, Story
from squads.retrospective_sessions.actions import open_session, start_timer
from squads.retrospectives.actions import add_participant, remove_participant
from squads.retrospectives.actions import create as create_retrospective
from squads.stories.actions import create_story, edit_story
from tests.conftest import wait_until
from tests.portal.live.conftest import Listen, Listener, Process

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def release(root: User) -> Release:
    return create_release(by=root, version="1.0", line="Shop")


@pytest.fixture
def story(ana: User, payments: Squad, release: Release) -> Story:
    return create_story(payments, by=ana, title="Gift <cards>", release=release)


BOARD = "release:shop-1.0"


def test_a_move_is_heard_as_the_card_the_page_would_show(
    listen: Listen, as_ana: Client, as_bo: Client, story: Story
) -> None:
    heard = listen(as_bo, BOARD, "story:PAY-1")
    as_ana.post("/stories/PAY-1/progress/", {"to": "in_progress"})
    card = heard.wait_for("card", 20, stage="in_progress")
    assert (card["topic"], card["key"], card["stage"], card["rank"]) == (BOARD, "PAY-1", "in_progress", 1)
    page = as_bo.get("/releases/shop-1.0/").content.decode()
    assert card["html"] in page
    assert f'data-version="{card["version"]}"' in card["html"]
    assert "Gift &lt;cards&gt;" in card["html"]
    assert heard.wait_for("story") == {"topic": "story:PAY-1", "key": "PAY-1"}


def test_who_looks_at_something_else_hears_nothing(
    listen: Listen, as_ana: Client, as_bo: Client, story: Story, root: User
) -> None:
    create_release(by=root, version="2.0", line="Shop")
    other, own = listen(as_bo, "release:shop-2.0", "story:PAY-2"), listen(as_ana, BOARD)
    story.move_progress("in_progress", by=root)
    own.wait_for("card", stage="in_progress")
    assert other.of("card") == other.of("story") == []


def test_many_touches_of_one_action_are_told_once(listen: Listen, as_ana: Client, story: Story) -> None:
    heard = listen(as_ana, BOARD)
    for _ in range(20):
        touch([story.pk])
    heard.wait_for("card")
    time.sleep(0.5)
    assert len(heard.of("card")) <= 3


def test_a_story_that_leaves_a_board_is_told_gone_there(
    listen: Listen, as_ana: Client, ana: User, story: Story, root: User
) -> None:
    later = create_release(by=root, version="2.0", line="Shop")
    old, new = listen(as_ana, BOARD), listen(as_ana, "release:shop-2.0")
    edit_story(story, by=ana, release=later)
    assert old.wait_for("gone") == {"topic": BOARD, "key": "PAY-1"}
    assert new.wait_for("card")["key"] == "PAY-1"
    edit_story(story, by=ana, release=None)
    assert new.wait_for("gone")["key"] == "PAY-1"


def test_nobody_hears_anything_unless_reading_is_open(
    child_environment: dict[str, str], story: Story, as_ana: Client
) -> None:
    closed, opened = (
        Process(child_environment).start(),
        Process({**child_environment, "RODEO_OPEN_READING": "yes"}).start(),
    )
    try:
        refused = Listener(closed.port, "", BOARD)
        assert (refused.status, refused.said) == (403, {"detail": "Sign in first."})
        assert Listener(closed.port, "made-up-session-key", BOARD).status == 403
        assert Listener(opened.port, "", BOARD).status == 200
    finally:
        closed.kill()
        opened.kill()


def test_signing_out_ends_the_stream(listen: Listen, as_ana: Client, story: Story) -> None:
    heard, other = listen(as_ana, BOARD), listen(as_ana, "story:PAY-1")
    as_ana.post("/accounts/logout/")
    assert heard.ended.wait(3) and other.ended.wait(3)


def test_a_closed_account_ends_the_stream_and_others_go_on(
    listen: Listen, as_ana: Client, as_bo: Client, ana: User, story: Story
) -> None:
    gone, stays = listen(as_ana, BOARD), listen(as_bo, BOARD)
    User.objects.filter(pk=ana.pk).update(is_active=False)
    assert gone.ended.wait(3)
    assert not stays.ended.is_set()


def test_killed_outright_and_started_again_it_tells_as_before(
    stream: Process, listen: Listen, as_ana: Client, ana: User, story: Story
) -> None:
    heard = listen(as_ana, BOARD)
    stream.kill()
    assert heard.ended.wait(3)
    stream.start()
    again = listen(as_ana, BOARD)
    story.move_progress("in_progress", by=ana)
    assert again.wait_for("card", 1, stage="in_progress")


def test_it_stops_within_seconds_though_streams_are_open(
    stream: Process, listen: Listen, as_ana: Client, story: Story
) -> None:
    heard = [listen(as_ana, BOARD) for _ in range(5)]
    assert stream.stop() < 5
    assert all(each.ended.wait(2) for each in heard)


def test_the_broker_goes_and_comes_back_and_every_page_looks_again(
    stream: Process, listen: Listen, as_ana: Client, ana: User, story: Story
) -> None:
    stream.restart()
    heard = listen(as_ana, BOARD)
    with broker_client(settings.BROKER_URL) as connected:
        own = [each["id"] for each in connected.client_list(_type="pubsub")]
        for each in own:
            connected.client_kill_filter(_id=each)
    heard.wait_for("resync", 5)
    story.move_progress("in_progress", by=ana)
    assert heard.wait_for("card", 6, stage="in_progress")


def test_what_is_no_message_of_ours_does_no_harm(listen: Listen, as_ana: Client, ana: User, story: Story) -> None:
    heard = listen(as_ana, BOARD)
    with broker_client(settings.BROKER_URL) as connected:
        for junk in (
            b"",
            b"{",
            b"[]",
            b'{"stories": "x"}',
            b'{"stories": [null]}',
            b'{"stories": [999999999]}',
            b"\xff",
        ):
            connected.publish(CHANNEL, junk)
    story.move_progress("in_progress", by=ana)
    assert heard.wait_for("card", 2, stage="in_progress")


def test_very_many_at_once_make_every_page_look_for_itself(
    stream: Process, listen: Listen, as_ana: Client, payments: Squad, release: Release
) -> None:
    stream.restart()
    made = Story.objects.bulk_create(
        Story(squad=payments, number=n, rank=n, key=f"PAY-{n}", title=f"{n}", release=release) for n in range(1, 200)
    )
    heard = listen(as_ana, BOARD)
    touch([story.pk for story in made])
    heard.wait_for("resync", 2)
    assert heard.of("card") == []


def test_a_browser_that_does_not_read_is_dropped_and_the_others_hear_on_time(
    stream: Process, listen: Listen, as_bo: Client, as_ana: Client, ana: User, payments: Squad, release: Release
) -> None:
    stories = [create_story(payments, by=ana, title="x" * 200, release=release, flag="f" * 100) for _ in range(50)]
    session = as_bo.cookies[settings.SESSION_COOKIE_NAME].value
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", stream.port))
    slow.sendall(f"GET /events/?topic={BOARD} HTTP/1.1\r\nHost: x\r\nCookie: sessionid={session}\r\n\r\n".encode())
    heard = listen(as_ana, BOARD)
    wait_until(lambda: stream.health()["streams"] == 2, 3)
    deadline = time.monotonic() + 60
    while stream.health()["streams"] == 2:
        touch([story.pk for story in stories])
        time.sleep(0.05)
        assert time.monotonic() < deadline, "the slow browser was kept"
    before = len(heard.of("card"))
    touch([stories[0].pk])
    wait_until(lambda: len(heard.of("card")) > before, 20)
    assert not heard.ended.is_set()
    slow.close()


def test_one_session_has_so_many_streams_and_no_more(
    listen: Listen, as_ana: Client, as_bo: Client, story: Story
) -> None:
    for _ in range(STREAMS_A_SESSION):
        assert listen(as_ana, BOARD).status == 200
    refused = listen(as_ana, BOARD)
    assert refused.status == 429
    assert listen(as_bo, BOARD).status == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "topic=",
        "topic=nonsense",
        "topic=squad:",
        "topic=user:ana",
        "topic=story:" + "x" * 400,
        "topic=%00:a",
        "x=1",
        "&".join(["a=b"] * 300),
    ],
)
def test_a_stream_of_nothing_is_refused(stream: Process, as_ana: Client, query: str) -> None:
    session = as_ana.cookies[settings.SESSION_COOKIE_NAME].value
    connected = http.client.HTTPConnection("127.0.0.1", stream.port, timeout=5)
    connected.request("GET", f"/events/?{query}", headers={"Cookie": f"sessionid={session}"})
    answer = connected.getresponse()
    assert answer.status == 400, answer.read()
    connected.close()


def asked(stream: Process, method: str, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    connected = http.client.HTTPConnection("127.0.0.1", stream.port, timeout=5)
    connected.request(method, path, headers=headers)
    return connected.getresponse()


def test_only_pages_of_the_portal_itself_may_listen_with_its_cookies(stream: Process, as_ana: Client) -> None:
    session = as_ana.cookies[settings.SESSION_COOKIE_NAME].value
    origins: dict[str, Any] = {}
    for origin in (settings.RODEO_BASE_URL, "https://evil.example.org", "null", settings.RODEO_BASE_URL + "0"):
        answer = asked(stream, "GET", f"/events/?topic={BOARD}", {"Cookie": f"sessionid={session}", "Origin": origin})
        origins[origin] = answer.getheader("Access-Control-Allow-Origin")
        answer.close()
    assert origins == {
        settings.RODEO_BASE_URL: settings.RODEO_BASE_URL,
        "https://evil.example.org": None,
        "null": None,
        settings.RODEO_BASE_URL + "0": None,
    }


def test_it_serves_nothing_else(stream: Process) -> None:
    assert asked(stream, "POST", "/events/", {}).status == 404
    assert asked(stream, "GET", "/", {}).status == 404
    assert asked(stream, "GET", "/events/../healthz", {}).status in (200, 404)


def test_without_a_broker_a_move_still_works(as_ana: Client, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "RODEO_WAKE", True)
    monkeypatch.setattr(settings, "BROKER_URL", "redis://127.0.0.1:1/0")
    assert as_ana.post("/stories/PAY-1/progress/", {"to": "in_progress"}).status_code == 302
    assert os.getpid() and Story.objects.get().stage == "in_progress"


# Topics that not everybody may hear


def test_a_session_is_heard_only_by_who_takes_part_and_tells_a_number(
    listen: Listen, as_ana: Client, as_bo: Client, payments: Squad, ana: User, bo: User
) -> None:
    row = create_retrospective(payments, by=ana, kind="sprint", title="Two weeks", facilitator=ana)
    session = open_session(row, by=ana)
    topic = f"retrospective_session:{row.slug}"
    assert listen(as_bo, topic).status == 403
    both = listen(as_bo, topic, "story:PAY-1")
    add_participant(row, bo, by=ana)
    added, own = listen(as_bo, topic), listen(as_ana, topic)
    start_timer(session, by=ana, minutes=5)
    for heard in (added, own):
        assert heard.wait_for("changed") == {"topic": topic, "version": session.version}
    assert both.of("changed") == []


def test_who_is_removed_hears_no_more_of_a_session(
    listen: Listen, as_bo: Client, payments: Squad, ana: User, bo: User
) -> None:
    row = create_retrospective(payments, by=ana, kind="sprint", title="Two weeks", facilitator=ana)
    open_session(row, by=ana)
    add_participant(row, bo, by=ana)
    heard = listen(as_bo, f"retrospective_session:{row.slug}")
    remove_participant(row, bo, by=ana)
    wait_until(heard.ended.is_set, 5, "the stream ended")
    assert listen(as_bo, f"retrospective_session:{row.slug}").status == 403
