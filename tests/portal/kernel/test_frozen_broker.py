"""What a request does with a broker that takes connections and answers nothing: it does not wait for it."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from portal.accounts.models import User
from portal.kernel import live
from portal.kernel.broker import client as connect
from squads.models import Squad
from squads.stories.actions import create_story
from tests.conftest import wait_until


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[socket.socket]:
    """A broker that takes connections and answers nothing."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen(64)
        server.setblocking(False)
        yield server


@pytest.fixture
def frozen(silent: socket.socket, settings: Settings) -> str:
    """Its address, which everything uses."""
    settings.BROKER_URL = f"redis+socket://{silent.getsockname()}"
    settings.RODEO_WAKE = True
    return settings.BROKER_URL


def connections(server: socket.socket) -> int:
    """Return how many connections were made to it since this was asked last."""
    count = 0
    try:
        while True:
            server.accept()[0].close()
            count += 1
    except BlockingIOError:
        return count


@pytest.fixture
def connecting(monkeypatch: pytest.MonkeyPatch, silent: socket.socket) -> list[str]:
    """The names of the threads that connected to it, in order."""
    names: list[str] = []
    connected = socket.socket.connect

    def noted(self: socket.socket, address: object) -> None:
        if address == silent.getsockname():
            names.append(threading.current_thread().name)
        connected(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", noted)
    return names


@pytest.mark.django_db(transaction=True)
def test_changes_are_saved_without_waiting_for_the_broker(
    as_ana: Client, ana: User, payments: Squad, frozen: str, connecting: list[str]
) -> None:
    story = create_story(payments, by=ana, title="Pay")
    for number in range(20):
        answer = as_ana.post(f"/stories/{story.key}/comments/new/", {"body": f"Comment {number}"})
        assert answer.status_code == 302
    wait_until(lambda: connecting, 10, "a thread of its own tells of them")
    assert threading.current_thread().name not in connecting, "who saves has nothing to do with the broker"


def test_a_connection_gives_up_at_once_when_its_time_is_over(frozen: str, silent: socket.socket) -> None:
    with pytest.raises(Exception, match=r"(?i)timeout"), connect(frozen, timeout=0.5) as connected:
        connected.ping()
    assert connections(silent) == 1, "by default it would ask three more times, with pauses"


@pytest.mark.django_db
def test_the_status_page_does_not_ask_it_again_and_again(client: Client, frozen: str, silent: socket.socket) -> None:
    answer = client.get("/status")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert not checks["broker"]["ok"] and checks["worker"]["detail"].startswith("unknown")
    assert checks["messages"]["detail"] == "0 waiting messages", "what is in the database is known all the same"
    assert connections(silent) == 1


def test_what_cannot_be_told_is_left_out_and_nothing_grows(frozen: str) -> None:
    teller = live._Teller()
    for number in range(live.MOST_WAITING * 3):
        teller.tell(f"{number}")
    assert teller.waiting.qsize() <= live.MOST_WAITING
