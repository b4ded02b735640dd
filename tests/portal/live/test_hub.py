"""The bookkeeping of streams."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.live.hub import LONGEST_QUEUE, STREAMS_A_SESSION, Hub, TooMany
from portal.live.listening import Drawn, Listener
from portal.live.topics import BOARDS, sensible
from squads.stories.cards import LiveCard


def test_a_stream_hears_its_topics_and_is_forgotten_without_a_trace() -> None:
    hub = Hub()
    one, two = hub.open("s", frozenset({"squad:a", "squad:b"})), hub.open("t", frozenset({"squad:b"}))
    hub.broadcast("squad:a", b"1")
    hub.broadcast("squad:b", b"2")
    assert [one.queue.get_nowait(), one.queue.get_nowait(), two.queue.get_nowait()] == [b"1", b"2", b"2"]
    hub.close(one)
    hub.close(two)
    assert (hub.streams, dict(hub.topics), dict(hub.sessions)) == (set(), {}, {})


def test_who_is_too_far_behind_is_ended_and_nobody_else() -> None:
    hub = Hub()
    slow, quick = hub.open("s", frozenset({"squad:a"})), hub.open("t", frozenset({"squad:a"}))
    for _ in range(LONGEST_QUEUE + 1):
        hub.broadcast("squad:a", b"x")
        quick.queue.get_nowait()
    assert slow.ended.is_set() and not quick.ended.is_set()


def test_a_session_has_a_limit_and_nobody_a_wider_one() -> None:
    hub = Hub()
    for _ in range(STREAMS_A_SESSION):
        hub.open("s", frozenset())
        hub.open("", frozenset())
    with pytest.raises(TooMany):
        hub.open("s", frozenset())
    hub.open("", frozenset())


def test_only_topics_there_can_be_are_kept() -> None:
    assert sensible(["squad:a", "release:x-1.0", "story:PAY-1", "squad:", "user:a", "story:a\nb", "x" * 999]) == {
        "squad:a",
        "release:x-1.0",
        "story:PAY-1",
    }


def test_a_card_is_made_into_text_once_however_many_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BOARDS, "release", lambda ids: [])
    hub = Hub()
    streams = [hub.open(str(n), frozenset({"release:r"})) for n in range(50)]
    card = LiveCard(1, "release:r", "PAY-1", "todo", 1, "v", "<article>")
    Listener(hub).send(Drawn({1: "PAY-1"}, [card]), list(BOARDS))
    texts = [stream.queue.get_nowait() for stream in streams]
    assert len({id(text) for text in texts}) == 1
    assert texts[0].startswith(b"event: card\ndata: {")


def test_a_story_seen_nowhere_any_more_is_told_gone_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BOARDS, "release", lambda ids: [])

    async def play() -> list[bytes]:
        hub = Hub()
        listener, here = Listener(hub), hub.open("s", frozenset({"release:r"}))
        there = hub.open("s", frozenset({"release:other"}))
        kinds = list(BOARDS)
        listener.send(Drawn({1: "PAY-1"}, [LiveCard(1, "release:r", "PAY-1", "todo", 1, "v", "")]), kinds)
        # Not known to have been there before: the other board is told once, to be sure.
        assert b"gone" in there.queue.get_nowait()
        listener.send(Drawn({1: "PAY-1"}, []), kinds)
        assert there.queue.empty()
        return [here.queue.get_nowait(), here.queue.get_nowait()]

    # In a thread of its own: playwright's loop may run in this one.
    with ThreadPoolExecutor(1) as threads:
        first, second = threads.submit(asyncio.run, play()).result()
    assert first.startswith(b"event: card") and second.startswith(b"event: gone")
