"""Finding in a text which issues of a repository it closes."""

import pytest

from releases.providers.story_keys import issues_in


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
    ],
)
def test_only_closing_words_and_only_this_repository_count(text: str, found: list[str]) -> None:
    assert issues_in(text, "github.com/shop/checkout") == found


@pytest.mark.parametrize("text", ["closes #1, " * 2000, "closes " + "#1" * 9000, "fixes " + "a/" * 9000 + "#7"])
def test_a_long_text_is_read_to_its_end(text: str) -> None:
    assert set(issues_in(text, "shop/checkout")) <= {"#1"}
