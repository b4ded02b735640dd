"""Pages travel compressed; a secret never does."""

import gzip

import pytest
from django.test import Client

from squads.models import Squad

pytestmark = pytest.mark.django_db
GZIP = {"Accept-Encoding": "gzip"}


def test_a_page_is_compressed_for_browsers_that_take_it(as_ana: Client) -> None:
    plain = as_ana.get("/stories/")
    assert "Content-Encoding" not in plain
    small = as_ana.get("/stories/", headers=GZIP)
    assert small["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in small["Vary"]
    assert b"<h1>" in gzip.decompress(small.content)
    assert len(small.content) < len(plain.content) / 2


def test_the_length_of_a_page_tells_nothing_exact(as_ana: Client) -> None:
    assert len({len(as_ana.get("/stories/", headers=GZIP).content) for _ in range(12)}) > 1


@pytest.mark.parametrize("path", ["/account/tokens/", "/squads/payments/tokens/"])
def test_a_token_that_is_shown_once_is_not_compressed(path: str, as_lea: Client, payments: Squad) -> None:
    answer = as_lea.post(path, {"name": "nightly", "scopes": ["read"], "days": 30}, headers=GZIP)
    assert answer.status_code == 201, answer.content
    assert "Content-Encoding" not in answer


def test_second_factors_are_not_compressed(as_ana: Client) -> None:
    answer = as_ana.get("/accounts/2fa/app/activate/", headers=GZIP, follow=True)
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer


def test_the_api_answers_as_before(as_ana: Client) -> None:
    assert "Content-Encoding" not in as_ana.get("/api/v1/stories/", headers=GZIP)
