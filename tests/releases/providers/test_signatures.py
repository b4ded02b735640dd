"""Who sent it: no secret, no entry."""

import pytest

from releases.providers.signatures import sign, verified

BODY, SECRET = b'{"a": 1}', "s3cret"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {SECRET}"},
        {"authorization": f"bearer   {SECRET} "},
        {"x-rodeo-token": SECRET},
        {"x-rodeo-signature-256": sign(BODY, SECRET)},
        {"x-hub-signature-256": sign(BODY, SECRET)},
    ],
)
def test_the_token_or_a_signature_made_with_it_opens(headers: dict[str, str]) -> None:
    assert verified(headers, BODY, SECRET)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {SECRET}"},
        {"authorization": f"Bearer {SECRET}x"},
        {"x-rodeo-token": "\udcff"},
        {"x-rodeo-signature-256": ""},
        {"x-rodeo-signature-256": "sha256="},
        {"x-rodeo-signature-256": sign(BODY, SECRET).removeprefix("sha256=")},
        {"x-rodeo-signature-256": sign(BODY + b" ", SECRET)},
        {"x-hub-signature-256": sign(BODY, "other")},
        {"x-rodeo-signature-256": sign(b"x", SECRET), "authorization": f"Bearer {SECRET}"},
    ],
)
def test_anything_else_stays_outside(headers: dict[str, str]) -> None:
    assert not verified(headers, BODY, SECRET)


def test_without_a_secret_nobody_is_let_in_not_even_with_an_empty_one() -> None:
    for headers in ({}, {"x-rodeo-token": ""}, {"x-rodeo-signature-256": sign(BODY, "")}):
        assert not verified(headers, BODY, "")
