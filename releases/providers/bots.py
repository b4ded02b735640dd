"""Who is a bot, by the name, login or address that a system calls its author by. No Django in here."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

# What `ChangeMerged.author_type` says of one.
BOT = "bot"
# Programs that write under a name of their own, as they call themselves when nobody has set another.
KNOWN_BOTS = frozenset(
    {
        "allcontributors",
        "bors",
        "codecov-io",
        "copybara-service",
        "deepsource-autofix",
        "depfu",
        "dependabot",
        "dependabot-preview",
        "github actions",
        "github-actions",
        "gitlab-dependabot",
        "greenkeeper",
        "hosted weblate",
        "imgbot",
        "jenkins-x-bot",
        "k8s-ci-robot",
        "mend-bolt-for-github",
        "mergify",
        "pre-commit-ci",
        "pyup-bot",
        "pyup.io bot",
        "release-please",
        "renovate",
        "renovate bot",
        "renovatebot",
        "scala steward",
        "scala-steward",
        "semantic-release-bot",
        "snyk bot",
        "snyk-bot",
        "transifex-integration",
        "weblate",
        "whitesource-bolt-for-github",
    }
)
KNOWN_ADDRESSES = frozenset(
    {"support@dependabot.com", "bot@renovateapp.com", "renovate@whitesourcesoftware.com", "support@greenkeeper.io"}
)
# GitHub’s apps (dependabot[bot], 49699333+dependabot[bot]@users.noreply.github.com), GitLab’s tokens of projects and groups
# (project_12_bot_4f5e, project_12_bot@noreply.gitlab.com) and service accounts, and logins that say so: acme-bot, renovate-acme.
LOOKS_LIKE_BOT = re.compile(
    r"^(?:dependabot|greenkeeper|mergify|renovate|semantic-release)(?:$|[^a-z])|\[bot\]$|\[bot\]@|^(?:project|group)_\d{1,12}_bot(?:_[0-9a-f]{1,64})?(?:$|@)|^service_account_|^[^\s@]{1,100}[-_]bot$"
)


def names_of(who: str) -> list[str]:
    """Return the names in what an author is called, in small letters: of "Ana <ana@example.org>" both, and the whole."""
    who = who.strip().lower()
    name, _, address = who.rpartition(" <") if who.endswith(">") else ("", "", "")
    return [each for each in dict.fromkeys((who, name.strip(), address.rstrip(">").strip())) if each]


def is_bot(who: str, said: bool = False, rules: Sequence[tuple[str, bool]] = ()) -> bool:
    """Say whether an author is a bot. `said`: their own system says so.

    `rules` are what this portal says, as (name or pattern with *, whether it is a bot); the first that fits decides.
    """
    names = names_of(who)
    for pattern, answer in rules:
        if any(fnmatchcase(name, pattern.lower().replace("[", "[[]")) for name in names):
            return answer
    return said or any(
        name in KNOWN_BOTS or name in KNOWN_ADDRESSES or LOOKS_LIKE_BOT.search(name) is not None for name in names
    )
