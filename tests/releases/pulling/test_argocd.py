"""Argo CD at the door: what a deployment became, and what became of it later."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse

from releases.inbox.models import InboundEvent
from releases.models import Deployment
from tests.releases.conftest import source

pytestmark = pytest.mark.django_db
Send = Callable[..., HttpResponse]


def told(health: str, minute: int, phase: str = "Succeeded") -> dict[str, Any]:
    return {
        "app": "checkout",
        "appNamespace": "argocd",
        "project": "shop",
        "argocd": "https://argocd.example",
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "production"},
        "phase": phase,
        "startedAt": "2026-01-01T10:00:00Z",
        "finishedAt": "2026-01-01T10:00:20Z",
        "revision": "4f5e6d7c8b9a00112233445566778899aabbccdd",
        "repoURL": "https://git.example/shop/checkout.git",
        "health": health,
        "healthSince": f"2026-01-01T10:{minute:02}:00Z",
    }


def outcome(send: Send, drained: Callable[[], int], news: Any) -> tuple[Any, ...]:
    Deployment.objects.all().delete()
    InboundEvent.objects.all().delete()
    for each in news:
        assert send("/hooks/argocd/", json.dumps(each).encode()).status_code == 202
    drained()
    assert not list(InboundEvent.objects.filter(state="failed").values_list("error", flat=True))
    row = Deployment.objects.get()
    return row.phase, row.outcome, row.healthy, row.raw_status


@pytest.mark.parametrize(
    ("states", "meant"),
    [
        (("Progressing", "Healthy"), ("finished", "success", True, "Succeeded, Healthy")),
        (("Progressing", "Degraded"), ("finished", "failure", False, "Succeeded, Degraded")),
        (("Degraded", "Healthy"), ("finished", "success", True, "Succeeded, Healthy")),
        (("Healthy", "Degraded"), ("finished", "success", False, "Succeeded, Degraded")),
        (("Healthy", "Degraded", "Healthy"), ("finished", "success", True, "Succeeded, Healthy")),
        (("Healthy", "Missing"), ("finished", "success", False, "Succeeded, Missing")),
        (("Healthy", "Unknown"), ("finished", "success", True, "Succeeded, Healthy")),
        (("Healthy", "Progressing"), ("finished", "success", True, "Succeeded, Healthy")),
        (("Missing",), ("finished", "unknown", False, "Succeeded, Missing")),
    ],
)
def test_what_was_healthy_once_succeeded_and_may_be_unhealthy_later_in_any_order_of_arrival(
    send: Send, drained: Callable[[], int], states: tuple[str, ...], meant: tuple[Any, ...]
) -> None:
    source("argocd", "argocd")
    news = [told("Healthy", 0, "Running"), *(told(state, number) for number, state in enumerate(states, 1))]
    for order in itertools.permutations(news):
        assert outcome(send, drained, order) == meant
