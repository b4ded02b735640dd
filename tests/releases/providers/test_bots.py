"""Who is a bot, by what systems call their authors."""

import pytest

from releases.providers.bots import is_bot


@pytest.mark.parametrize(
    "who",
    [
        "dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>",
        "Bumps <1+bumps[bot]@users.noreply.github.com>",
        "Renovate Bot <bot@renovateapp.com>",
        "renovate-acme <updates@acme.example>",
        "Updates <renovate@acme.example>",
        "project_12_bot_4f5e",
        "Token <group_7_bot_aa@noreply.gitlab.example>",
        "acme-ci-bot",
        "GitHub Actions <actions@users.example>",
    ],
)
def test_bots_are_known_by_name_login_or_address(who: str) -> None:
    assert is_bot(who)


@pytest.mark.parametrize(
    "who", ["", "Ana", "Ana Abbot <ana@example.org>", "Jan Bot <jan@example.org>", "talbot", "Bo <bot.fan@x.org>"]
)
def test_people_whose_names_look_alike_are_none(who: str) -> None:
    assert not is_bot(who)


def test_what_its_own_system_says_counts_and_what_this_portal_says_counts_more() -> None:
    assert is_bot("acme", said=True)
    assert not is_bot("acme", said=True, rules=[("acme", False)])
    assert is_bot("CI <ci@acme.example>", rules=[("*@acme.example", True)])
    assert not is_bot("x[bot]", rules=[("x[bot]", False)])
    assert is_bot("y[bot]", rules=[("x[bot]", False)])
