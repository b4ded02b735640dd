"""The pages of the inbox."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from releases.inbox.actions import store
from releases.inbox.models import InboundEvent, Source
from squads.models import Squad
from squads.stories.actions import create_story

Send = Callable[..., HttpResponse]
Drained = Callable[[], int]


def page(browser: Client, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def filled(ci: Source, scripts: Source, send: Send, drained: Drained) -> list[InboundEvent]:
    """One processed event, one ignored, two failed, one pending."""
    context = {"id": "1", "source": "/deploy", "timestamp": "2026-03-14T15:09:26Z", "type": "dev.cdevents.x.y.0.1.0"}
    send("/hooks/ci/", {"context": context, "subject": {"id": "x"}})
    send("/hooks/ci/", {"hello": "world"})
    send("/hooks/ci/", {"hello": "moon"})
    send("/api/v1/deployments/", {"id": "deploy-1", "service": "checkout", "environment": "prod", "commit": "4f5e6d7c"})
    drained()
    send("/api/v1/deployments/", {"id": "deploy-2", "service": "checkout", "environment": "prod", "commit": "4f5e6d7c"})
    return list(InboundEvent.objects.order_by("received_at"))


def test_an_empty_inbox_teaches_the_next_step(as_ana: Client) -> None:
    assert "Connect a git repository" in page(as_ana, "/inbox/")


def test_the_list_shows_what_became_of_events(as_ana: Client, filled: list[InboundEvent]) -> None:
    text = page(as_ana, "/inbox/")
    for event in filled:
        assert f"/inbox/{event.pk}/" in text
    for words in ("deploy-1", "context is missing", "ignored", "pending", "deployment"):
        assert words in text


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ("state=failed", 2),
        ("state=pending", 1),
        ("state=ignored", 1),
        ("state=processed", 1),
        ("source=scripts", 2),
        ("kind=deploy", 2),
        ("kind=cdevents", 1),
        ("q=deploy-1", 1),
        ("q=nothing-such", 0),
        ("state=failed&source=scripts", 0),
        ("state=sideways", 5),
        ("before=rubbish", 5),
        ("before=2026-13-01,x", 5),
        ("after=%00", 5),
        ("q=%00", 0),
    ],
)
def test_filters_live_in_the_address(as_ana: Client, filled: list[InboundEvent], asked: str, count: int) -> None:
    text = page(as_ana, f"/inbox/?{asked}")
    assert sum(f'"/inbox/{event.pk}/"' in text for event in filled) == count


def test_pages_are_places_and_cost_the_same(
    as_ana: Client, ci: Source, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    for number in range(120):
        store(ci, delivery=f"d{number:03}", kind="k", body=b"{}")
    seen: list[str] = []
    address = "/inbox/"
    costs = []
    for _ in range(3):
        with django_assert_max_num_queries(14) as counted:
            answer = as_ana.get(address)
        costs.append(len(counted))
        seen += [event.delivery for event in answer.context["page"].events]
        address = f"/inbox/?before={answer.context['page'].older}"
    assert seen == [f"d{number:03}" for number in reversed(range(120))]
    assert len(set(costs)) == 1
    last = answer.context["page"]
    assert last.older == ""
    newer = as_ana.get(f"/inbox/?after={last.newer}").context["page"]
    assert [event.delivery for event in newer.events] == [f"d{number:03}" for number in reversed(range(20, 70))]


def test_one_event_shows_the_message_and_what_it_became(
    as_ana: Client, filled: list[InboundEvent], payments: Squad, ana: Any, send: Send, drained: Drained
) -> None:
    story = create_story(payments, by=ana, title="Refunds")
    send("/api/v1/acceptance-runs/", {"id": "a", "environment": "prod", "story": story.key, "outcome": "passed"})
    drained()
    event = InboundEvent.objects.get(kind="acceptance-run")
    text = page(as_ana, f"/inbox/{event.pk}/")
    assert "acceptance run" in text
    assert 'href="/stories/PAY-1/"' in text
    assert 'href="/environments/prod/"' in text
    assert "&quot;outcome&quot;: &quot;passed&quot;" in text
    deployment = InboundEvent.objects.get(delivery__contains="deploy-1")
    assert 'href="/services/checkout/"' in page(as_ana, f"/inbox/{deployment.pk}/")


def test_a_failed_event_says_why(as_ana: Client, filled: list[InboundEvent]) -> None:
    failed = InboundEvent.objects.filter(state="failed").first()
    assert failed is not None
    assert "context is missing" in page(as_ana, f"/inbox/{failed.pk}/")


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"a": "<script>alert(1)</script>"}', "&lt;script&gt;alert(1)"),
        (b"plain <b>text</b>", "plain &lt;b&gt;"),
        (b"\xff\xfe\x00\x01", "00000000  ff fe 00 01"),
        (b"a\x00b", "00000000  61 00 62"),
        (b"[" * 50_000, "[[[["),
        (b"", "shown as text"),
        ("é".encode() * 500_000, "only its start"),
    ],
)
def test_any_body_can_be_looked_at(as_ana: Client, ci: Source, body: bytes, shown: str) -> None:
    event, _ = store(ci, delivery="d", kind="k", body=body, headers={"ce-id": "<i>"})
    text = page(as_ana, f"/inbox/{event.pk}/")
    assert shown in text
    assert "<script>alert" not in text
    assert len(text) < 500_000
    file = as_ana.get(f"/inbox/{event.pk}/body/")
    assert file.content == body
    assert file["Content-Type"] == "application/octet-stream"
    assert file["Content-Disposition"].startswith("attachment")
    assert file["X-Content-Type-Options"] == "nosniff"


def test_a_page_that_waits_is_loaded_anew_once_the_event_was_read(as_ana: Client, ci: Source, drained: Drained) -> None:
    event, _ = store(ci, delivery="d", kind="k", body=b"{}")
    waiting = as_ana.get(f"/inbox/{event.pk}/state/")
    assert "every 2s" in waiting.content.decode()
    assert "HX-Refresh" not in waiting
    assert "every 2s" in page(as_ana, f"/inbox/{event.pk}/")
    drained()
    assert as_ana.get(f"/inbox/{event.pk}/state/")["HX-Refresh"] == "true"
    assert "every 2s" not in page(as_ana, f"/inbox/{event.pk}/")


def test_members_of_squads_and_administrators_may_have_events_read_again(
    as_ana: Client, as_root: Client, filled: list[InboundEvent]
) -> None:
    failed = InboundEvent.objects.filter(state="failed").first()
    assert failed is not None
    for browser in (as_ana, as_root):
        assert "Reprocess" in page(browser, f"/inbox/{failed.pk}/")
        answer = browser.post(f"/inbox/{failed.pk}/replay/")
        assert (answer.status_code, answer["Location"]) == (302, f"/inbox/{failed.pk}/")
        failed.refresh_from_db()
        assert failed.state == "pending"
        InboundEvent.objects.filter(pk=failed.pk).update(state="failed")
    assert as_ana.post("/inbox/replay-failed/").status_code == 302
    assert not InboundEvent.objects.filter(state="failed").exists()


def test_others_may_only_look(
    client: Client, db: None, filled: list[InboundEvent], django_user_model: Any, settings: Settings
) -> None:
    failed = InboundEvent.objects.filter(state="failed").first()
    assert failed is not None
    for address in ("/inbox/", f"/inbox/{failed.pk}/", f"/inbox/{failed.pk}/body/", f"/inbox/{failed.pk}/state/"):
        assert client.get(address).status_code == 302, "reading needs sign-in"
    settings.RODEO_OPEN_READING = True
    assert "Reprocess" not in page(client, f"/inbox/{failed.pk}/")
    assert client.post(f"/inbox/{failed.pk}/replay/").status_code == 302
    client.force_login(django_user_model.objects.create_user("new"))
    assert client.post(f"/inbox/{failed.pk}/replay/").status_code == 403
    assert client.post("/inbox/replay-failed/").status_code == 403
    assert client.get(f"/inbox/{failed.pk}/replay/").status_code == 405
    failed.refresh_from_db()
    assert failed.state == "failed"


def test_an_event_nobody_knows_is_404(as_ana: Client) -> None:
    assert as_ana.get(f"/inbox/{uuid4()}/").status_code == 404
