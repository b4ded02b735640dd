"""Finding in a text which stories it names, where, and which issues of a repository it closes."""

import pytest

from releases.providers.story_keys import issues_in, named_in


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("fixes #7", ["#7"]),
        ("Fixed #7.", ["#7"]),
        ("closes: shop/checkout#7, resolves shop/web#8", ["#7"]),
        ("Closes #4, #6 and #7", ["#4", "#6", "#7"]),
        ("closing #12 and fixing #13, fixes #12", ["#12", "#13"]),
        ("Round refunds\n\nResolves Shop/Checkout#9", ["#9"]),
        ("see #7", []),
        ("prefixes #7", []),
        ("fix the #7", []),
        ("closes #0, closes #7a", []),
        ("fixes checkout#7", []),
        ("Fixes https://github.com/shop/checkout/issues/7", ["#7"]),
        ("closes https://github.com/shop/checkout/-/issues/7 and #8", ["#7", "#8"]),
        ("fixes https://github.com/shop/web/issues/7", []),
        ("see https://github.com/shop/checkout/issues/7", []),
    ],
)
def test_only_closing_words_and_only_this_repository_count(text: str, found: list[str]) -> None:
    assert issues_in(text, "github.com/shop/checkout") == found


@pytest.mark.parametrize("text", ["closes #1, " * 2000, "closes " + "#1" * 9000, "fixes " + "a/" * 9000 + "#7"])
def test_a_long_text_is_read_to_its_end(text: str) -> None:
    assert set(issues_in(text, "shop/checkout")) <= {"#1"}


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("message", "PAY-1: a\n\nPAY-2", {"PAY-1": "subject", "PAY-2": "body"}),
        ("message", "Merge branch 'pay-1' of host:shop/PAY-9 into PAY-2_x", {"PAY-1": "branch", "PAY-2": "branch"}),
        ("message", "Merge remote-tracking branch 'origin/PAY-1-a'", {"PAY-1": "branch"}),
        ("message", "Merge pull request #3 in SHOP/web from feature/PAY-1 to main", {"PAY-1": "branch"}),
        ("message", "Merge the PAY-1 prices", {"PAY-1": "subject"}),
        ("message", 'Revert "PAY-1: a"', {"PAY-1": "subject"}),
        ("message", "a\n\nReviewed-by: PAY-1 <x@y.z>\nRefs: PAY-2", {"PAY-2": "body"}),
        ("title", "left-pad-2, x86-64, v1-2, a.pay-3, pay-4.", {"X86-64": "title", "V1-2": "title", "PAY-4": "title"}),
        ("branch", "fix/left-pad-2", {"PAD-2": "branch"}),
        ("description", "Not PAY-1. Closes PAY-2, pay-3 and #4", dict.fromkeys(("PAY-2", "PAY-3", "#4"), "closes")),
        ("description", "Fixes https://rodeo.example/stories/PAY-2/", {"PAY-2": "closes"}),
        ("description", "won't fix PAY-2, never closes PAY-3", {}),
        (
            "message",
            "Fix CVE-2026-1234, TLS-1.2, ISO-8859-1; PAY-1-refunds. PAY-2.",
            {"PAY-1": "subject", "PAY-2": "subject"},
        ),
        ("event", "pay-1", {"PAY-1": "event"}),
    ],
)
def test_every_key_is_found_where_it_stands(kind: str, text: str, found: dict[str, str]) -> None:
    named: dict[str, str] = {}
    for key, place, _ in named_in(kind, text, "shop/checkout"):
        named.setdefault(key, place)
    assert {key: place for key, place in named.items() if place != "description"} == found


@pytest.mark.parametrize(
    "text", ["<details>-1" * 2000, "<!---1" * 5000, "fixes [pay-1](" * 1500, "Merge '" * 4000 + "-1"]
)
def test_what_is_made_to_take_long_does_not(text: str) -> None:
    assert len(list(named_in("description", text, "x"))) + len(list(named_in("message", text, "x"))) < 10_000
