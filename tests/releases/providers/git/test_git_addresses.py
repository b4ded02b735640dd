"""What may be connected as a git repository, and what is refused with a remedy."""

import re

import pytest

from releases.providers.git.config import InvalidSetting, address, branch_name, tag_pattern, tag_rules


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://git.example.org/shop/checkout.git", "shop/checkout"),
        ("HTTPS://git.example.org/shop/checkout", "shop/checkout"),
        ("https://git.example.org:8443/a/b/shop/checkout/", "a/b/shop/checkout"),
        ("https://ana@git.example.org/shop/checkout.git", "shop/checkout"),
        ("http://[::1]:8000/shop.git", "shop"),
        ("ssh://git@git.example.org:2222/shop/checkout.git", "shop/checkout"),
        ("git://git.example.org/shop/checkout", "shop/checkout"),
        ("git@git.example.org:shop/checkout.git", "shop/checkout"),
        ("git@git.example.org:/srv/git/checkout.git", "srv/git/checkout"),
    ],
)
def test_addresses_of_other_machines_are_accepted_and_named(text: str, name: str) -> None:
    found = address(text)
    assert not found.local
    assert found.name == name


@pytest.mark.parametrize(
    ("text", "name"),
    [("/srv/git/checkout.git", "checkout"), ("./shop", "shop"), ("/srv/shop/.git", "shop"), ("checkout", "checkout")],
)
def test_anything_else_is_a_path_of_this_machine(text: str, name: str) -> None:
    found = address(text)
    assert found.local
    assert found.name == name


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "Enter the repository"),
        ("   ", "Enter the repository"),
        ("--upload-pack=touch /tmp/x", "dash"),
        ("-oProxyCommand=touch x", "dash"),
        ("ext::sh -c touch% /tmp/x", "aren’t allowed"),
        ("fd::17", "aren’t allowed"),
        ("anything::https://example.org/x", "aren’t allowed"),
        ("file:///etc", "Enter the path itself"),
        ("FILE:///etc", "Enter the path itself"),
        ("ftp://example.org/shop", "Use https"),
        ("javascript://x/y", "Use https"),
        ("https://example.org/shop\n--upload-pack=x", "control characters"),
        ("https://example.org/sh\x00op", "control characters"),
        ("https://example.org/sh op", "%20"),
        ("https://example.org/", "no repository"),
        ("https://", "host"),
        ("https://ana:secret@example.org/shop", "Use the secret field"),
        ("https://:secret@example.org/shop", "Use the secret field"),
        ("https://-evil.example.org/shop", "host name"),
        ("ssh://-oProxyCommand=touch%20x/shop", "host name"),
        ("ssh://git@-oProxyCommand=x/shop", "host name"),
        ("ssh://-git@example.org/shop", "user name"),
        ("git@-oProxyCommand=x:shop", "host name"),
        ("git@example.org:-shop", "dash"),
        ("example.org:shop", "user@host:path"),
        ("https://example.org:port/shop", "can’t be read"),
        ("https://example.org:99999/shop", "can’t be read"),
        ("https://[::1/shop", "can’t be read"),
        ("https://example.org/" + "x" * 1000, "over 1000 characters"),
    ],
)
def test_dubious_addresses_are_refused_with_a_remedy(text: str, remedy: str) -> None:
    with pytest.raises(InvalidSetting, match=re.escape(remedy)) as refused:
        address(text)
    assert refused.value.field == "url"
    assert "secret@" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "main", "release/5.10", "refs/heads/main", "ünïcode", "a-b_c.d"])
def test_names_of_branches_are_accepted(text: str) -> None:
    assert branch_name(text) == text.removeprefix("refs/heads/")


@pytest.mark.parametrize(
    "text",
    [
        "-x",
        "--upload-pack=x",
        "a..b",
        "a b",
        "a\nb",
        "x.lock",
        "/x",
        "x/",
        "a//b",
        "a@{1}",
        "a:b",
        "a*",
        ".x",
        "x" * 300,
    ],
)
def test_what_cannot_be_a_branch_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        branch_name(text)
    assert refused.value.field == "branch"


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("v*", ["v1", "v1.2.3", "very-old"], ["1.0", "xv1"]),
        ("v?.?", ["v1.2"], ["v1.22"]),
        ("v[0-9]*", ["v1.0"], ["vintage"]),
        ("1.0", ["1.0"], ["1x0", "11.0"]),
        (r"v\d+\.\d+(\.\d+)?", ["v1.2", "v1.2.3"], ["v1", "v1.2.3.4", "xv1.2"]),
        ("release/.*", ["release/5.10"], ["releases"]),
        ("a|b", ["a", "b"], ["ab"]),
        ("", [], ["", "v1"]),
    ],
)
def test_patterns_are_globs_unless_they_look_like_expressions(text: str, yes: list[str], no: list[str]) -> None:
    matches = tag_pattern(text)
    assert [name for name in yes + no if matches(name)] == yes


@pytest.mark.parametrize("text", ["(", "v{2,1}", "*.*(", "(?P<", "x" * 201, "(a)\\1"])
def test_patterns_that_do_not_compile_are_refused_by_field(text: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        tag_pattern(text)
    assert refused.value.field == "release_tags"


def test_rules_that_cannot_be_read_make_no_tag_a_release() -> None:
    assert not tag_rules({"release_tags": "("}).is_release("(")
    assert tag_rules({}).line is None
    assert tag_rules({"release_line": ""}).line == ""


def test_no_expression_takes_longer_than_its_name_is_long() -> None:
    # Backtracking engines need 2^60 steps for this one.
    assert not tag_pattern("(a+)+$")("a" * 60 + "b")
    assert not tag_pattern("*".join("a" * 50))("a" * 199 + "b")
