"""What a request does with a broker that takes connections and answers nothing: it does not wait for it."""

import socket
import time
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


@pytest.fixture
def frozen(tmp_path: Path, settings: Settings) -> Iterator[str]:
    """The address of a broker that answers nothing."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen(64)
        settings.BROKER_URL = f"redis+socket://{tmp_path / 's'}"
        settings.RODEO_WAKE = True
        yield settings.BROKER_URL


@pytest.mark.django_db(transaction=True)
def test_changes_are_saved_without_waiting_for_the_broker(
    as_ana: Client, ana: User, payments: Squad, frozen: str
) -> None:
    story = create_story(payments, by=ana, title="Pay")
    began = time.monotonic()
    for number in range(20):
        answer = as_ana.post(f"/stories/{story.key}/comments/new/", {"body": f"Comment {number}"})
        assert answer.status_code == 302
    # Each would have waited a second at least.
    assert time.monotonic() - began < 15


def test_a_connection_gives_up_in_its_time(frozen: str) -> None:
    began = time.monotonic()
    with pytest.raises(Exception, match=r"(?i)timeout"), connect(frozen, timeout=0.5) as connected:
        connected.ping()
    # By default it would ask three more times, with pauses.
    assert time.monotonic() - began < 2


@pytest.mark.django_db
def test_the_status_page_does_not_ask_it_again_and_again(client: Client, frozen: str) -> None:
    began = time.monotonic()
    answer = client.get("/status")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert not checks["broker"]["ok"] and checks["worker"]["detail"].startswith("unknown")
    assert checks["messages"]["detail"] == "0 waiting messages", "what is in the database is known all the same"
    assert time.monotonic() - began < 5


def test_what_cannot_be_told_is_left_out_and_nothing_grows(frozen: str) -> None:
    teller = live._Teller()
    for number in range(live.MOST_WAITING * 3):
        teller.tell(f"{number}")
    assert teller.waiting.qsize() <= live.MOST_WAITING
