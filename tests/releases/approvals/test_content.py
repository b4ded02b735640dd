"""What an approval is given for, and in what two of it differ."""

from typing import Any

import pytest

from releases.approvals.content import differences, digest_of, unknown_in


def content(**more: Any) -> dict[str, Any]:
    service = {
        "service": 1,
        "name": "checkout",
        "tag": "v1",
        "commit": "abc1234def",
        "artifact": "sha256:" + "4f" * 32,
        "configuration": "",
    }
    stories, unclaimed = more.pop("stories", [[1, "PAY-1"]]), more.pop("unclaimed", [])
    return {"stories": stories, "services": [{**service, **more}], "unclaimed": unclaimed}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (content(stories=[[1, "PAY-1"], [2, "PAY-2"]]), "PAY-2 was added."),
        (content(stories=[]), "PAY-1 was removed."),
        (content(commit="def5678abc"), "checkout: tag v1 moved from abc1234 to def5678."),
        (content(commit="def5678abc", tag="v2"), "checkout: the commit changed from abc1234 to def5678."),
        (
            content(artifact="sha256:" + "5a" * 32),
            "checkout: the artifact changed from sha256:4f4f4f4f4f4f… to sha256:5a5a5a5a5a5a….",
        ),
        (content(configuration="7"), "checkout: the configuration changed from none to 7."),
        ({**content(), "services": []}, "checkout was removed."),
        (content(unclaimed=["shop/x"]), "shop/x has changes now and no owner."),
    ],
)
def test_whatever_goes_out_otherwise_has_another_digest_and_a_sentence(now: dict[str, Any], said: str) -> None:
    assert digest_of(now) != digest_of(content())
    assert differences(content(), now) == [said]
    assert differences(now, content()) and not differences(now, now)


def test_a_new_key_a_new_name_and_another_order_are_the_same_content() -> None:
    two = content(stories=[[1, "PAY-1"], [2, "PAY-2"]])
    assert digest_of(two) == digest_of(content(stories=[[2, "SEA-9"], [1, "PAY-1"]], name="till", tag="v1.0"))


def test_what_is_not_known_is_said_with_the_remedy() -> None:
    assert unknown_in(content()) == [] and unknown_in(content(artifact="")) == []
    assert unknown_in(content(commit="")) == ["The commit of checkout that ships isn’t known. Tag it or choose it."]
    assert unknown_in({"stories": [], "services": [], "unclaimed": []})[0].startswith("There’s nothing in this release")
    assert "No service owns shop/x" in unknown_in(content(unclaimed=["shop/x"]))[0]
