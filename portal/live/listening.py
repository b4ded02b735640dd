"""From "these stories changed" to a card on every board that shows them, read and drawn once."""

import asyncio
import json
import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import redis
from django.conf import settings
from django.db import DatabaseError
from redis.asyncio import Redis

from portal.kernel.broker import address
from portal.kernel.live import CHANNEL
from portal.live import topics
from portal.live.hub import Hub
from portal.live.people import in_thread
from portal.live.topics import event
from squads.models import Squad, Story, StoryAlias
from squads.stories.cards import LiveCard

logger = logging.getLogger(__name__)
# One action touches a story several times within a few milliseconds.
GATHER = 0.04
# Above this many at once each page reads its own board again, at its own time; no more often than every few seconds.
MOST_AT_ONCE = 60
RESYNC_EVERY = 3.0
# Where stories were last seen, so that a board they left hears of it.
REMEMBERED = 50_000
RESYNC = event("resync", {})
SENT = ("topic", "key", "stage", "rank", "version", "html")


class Drawn(NamedTuple):
    """What the database said about some stories."""

    keys: dict[int, str]
    cards: list[LiveCard]
    # Other keys of stories: a page that is open may still show one under the key that it had in another squad.
    former: Sequence[tuple[int, str]] = ()
    # Stories that are no more.
    deleted: Sequence[int] = ()


def draw(ids: list[int], kinds: list[str]) -> Drawn:
    """Read these stories and return their cards on every board of these kinds."""
    keys = dict(Story.objects.filter(pk__in=ids).order_by().values_list("pk", "key"))
    cards = [card for kind, cards in topics.BOARDS.items() if kind in kinds for card in cards(ids)]
    here = Squad.objects.order_by().values("key_prefix")
    former = StoryAlias.objects.filter(story__in=ids, prefix__in=here).order_by()
    return Drawn(keys, cards, list(former.values_list("story_id", "key")), [pk for pk in ids if pk not in keys])


class Listener:
    """Hears which stories changed, gathers them, and tells the streams."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.waiting: set[int] = set()
        self.some = asyncio.Event()
        self.hearing = asyncio.Event()
        self.seen: OrderedDict[int, frozenset[str]] = OrderedDict()
        self.resynced = 0.0
        self.again: asyncio.TimerHandle | None = None

    # From the broker

    async def listen(self) -> None:
        """Hear what is published for as long as this process lives. What was missed while the broker was away is made
        good by every page looking again."""
        pause = 0.5
        while True:
            connected = Redis.from_url(address(settings.BROKER_URL), socket_connect_timeout=5, health_check_interval=15)
            try:
                async with connected.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    pause = 0.5
                    await self._hear(channel)
            except (redis.RedisError, OSError) as error:
                logger.warning("the broker does not answer (%s); trying again", error)
            finally:
                self.hearing.clear()
                await connected.aclose()
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5)

    async def _hear(self, channel: Any) -> None:
        while True:
            # The pause lets the connection be checked: one that died silently is noticed.
            message = await channel.get_message(timeout=10)
            if message is None:
                continue
            if message["type"] == "subscribe":
                # Streams that were open before may have missed something.
                self.hearing.set()
                self.resync()
            else:
                self.take(message["data"])

    def take(self, data: bytes) -> None:
        """Note the stories of one message, and pass on which topics changed; what is no such message is left out with a word
        in the log."""
        try:
            said = json.loads(data)
            ids = [int(each) for each in said.get("stories", ())]
            changed = {str(topic): int(version) for topic, version in said.get("topics", {}).items()}
        except (ValueError, TypeError, AttributeError):
            logger.warning("not understood: %r", data[:200])
            return
        for topic, version in changed.items():
            self.hub.broadcast(topic, event("changed", {"topic": topic, "version": version}))
        self.waiting.update(ids)
        if self.waiting:
            self.some.set()

    # To the streams

    async def tell(self) -> None:
        """Tell the streams what was gathered, again and again. A database that is away is asked until it answers."""
        pause = 0.5
        while True:
            await self.some.wait()
            await asyncio.sleep(GATHER)
            self.some.clear()
            ids, self.waiting = self.waiting, set()
            try:
                await self._tell(sorted(ids))
                pause = 0.5
            except (DatabaseError, OSError) as error:
                logger.warning("the database does not answer (%s); trying again", error)
                self.waiting |= ids
                self.some.set()
                await asyncio.sleep(pause)
                pause = min(pause * 2, 10)
            except Exception:
                # A card that cannot be drawn must not silence all the others; pages look for themselves.
                logger.exception("stories %s were not told", sorted(ids)[:20])
                self.resync()

    async def _tell(self, ids: list[int]) -> None:
        if not self.hub.streams:
            # Nobody to tell; but where these stories are is no longer known.
            for pk in ids:
                self.seen.pop(pk, None)
            return
        if len(ids) > MOST_AT_ONCE:
            self.seen.clear()
            self.resync()
            return
        kinds = [kind for kind in topics.BOARDS if self.hub.heard([kind])]
        drawn = await in_thread(draw, ids, kinds)
        self.send(drawn, kinds)

    def send(self, drawn: Drawn, kinds: list[str]) -> None:
        """Send each card to the streams of its board, and word of the ones that left a board to that board."""
        events_by_topic: dict[str, list[bytes]] = defaultdict(list)
        on: dict[int, set[str]] = defaultdict(set)
        for card in drawn.cards:
            on[card.story].add(card.topic)
            events_by_topic[card.topic].append(event("card", {name: getattr(card, name) for name in SENT}))
        if any(self.seen.pop(pk, None) for pk in drawn.deleted):
            # Nobody knows any more under which key a page shows it.
            self.resync()
        for pk, key in drawn.keys.items():
            for topic in self._left(pk, frozenset(on[pk]), kinds):
                events_by_topic[topic].append(event("gone", {"topic": topic, "key": key}))
            topic = f"story:{key}"
            events_by_topic[topic].append(event("story", {"topic": topic, "key": key}))
        for topic, key in self._former(drawn.former, kinds):
            kind = "story" if topic == f"story:{key}" else "gone"
            events_by_topic[topic].append(event(kind, {"topic": topic, "key": key}))
        for topic, events in events_by_topic.items():
            self.hub.broadcast(topic, b"".join(events))

    def _former(self, former: Sequence[tuple[int, str]], kinds: list[str]) -> Iterator[tuple[str, str]]:
        """Yield every (topic, key) at which a page may still show a story under a key that it has no more."""
        boards = [topic for topic in self.hub.topics if topic.partition(":")[0] in kinds] if former else []
        for _, key in former:
            yield f"story:{key}", key
            yield from ((topic, key) for topic in boards)

    def _left(self, pk: int, now: frozenset[str], kinds: list[str]) -> Iterable[str]:
        """Return the boards that a story has left: those it was on the last time; if that is not known, all the others."""
        before = self.seen.pop(pk, None)
        # Only what was looked at on boards of every kind is known.
        if len(kinds) == len(topics.BOARDS):
            self.seen[pk] = now
            if len(self.seen) > REMEMBERED:
                self.seen.popitem(last=False)
        if before is None:
            before = frozenset(topic for topic in self.hub.topics if topic.partition(":")[0] in kinds)
        return before - now

    def resync(self) -> None:
        """Have every page look for itself; now, or when the last time is long enough ago."""
        if self.again is not None or not self.hub.streams:
            return
        rest = self.resynced + RESYNC_EVERY - time.monotonic()
        self.again = asyncio.get_running_loop().call_later(max(rest, 0), self._resync)

    def _resync(self) -> None:
        self.again, self.resynced = None, time.monotonic()
        self.hub.tell_all(RESYNC)
