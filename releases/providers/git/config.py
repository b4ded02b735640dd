"""The settings of a git source: its address, its branch and its rules for tags. No Django in here."""

import fnmatch
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import re2

from releases.providers.base import InvalidSetting as InvalidSetting

SCHEMES = ("https", "http", "ssh", "git")
LONGEST_URL = 1000
LONGEST_PATTERN = 200
LONGEST_NAME = 200
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
SCP = re.compile(r"(?P<user>[^@/:]+)@(?P<host>\[[^\]]+\]|[^@/:\[\]]+):(?P<path>[^:].*)", re.DOTALL)
HELPER = re.compile(r"([A-Za-z0-9][A-Za-z0-9+.-]*)::")
BRANCH = re.compile(r"(?![-/.])(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)|/\.|[/.]$))[^\s\x00-\x1f\x7f~^:?*\[\\]+")
EXPRESSIONS = re2.Options()
EXPRESSIONS.log_errors = False
EXPRESSIONS.max_mem = 1 << 20
ADDRESS_HELP = (
    "Use https://host/path, ssh://user@host/path, user@host:path, git:// or http://, or a path on this machine."
)


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a repository: a URL that is safe to give to git, or a folder of this machine."""

    url: str
    local: bool = False
    user: str = ""

    @property
    def name(self) -> str:
        """The repository's name: its whole path on the host for a URL, the folder's name for a local path."""
        path = self.url if self.local else re.split(r"://[^/]+/|^[^/]+?:(?!//)", self.url)[-1]
        parts = [part for part in unquote(path).strip("/").split("/") if part not in {"", ".", "..", "~"}]
        if len(parts) > 1 and parts[-1] == ".git":
            parts.pop()
        parts = parts[-1:] if self.local else parts
        return "/".join(parts).removesuffix(".git")[:250] or "repository"


def address(text: str) -> Address:
    """Parse the address of a repository as typed; raise InvalidSetting with a remedy for anything unsafe.

    A local path is only recognised here; the caller checks it with `Git.is_repository`.
    """
    text = text.strip()
    if not text:
        raise InvalidSetting("url", f"Enter the repository’s address. {ADDRESS_HELP}")
    if len(text) > LONGEST_URL:
        raise InvalidSetting("url", f"The address is over {LONGEST_URL} characters.")
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in text):
        raise InvalidSetting("url", "The address contains control characters. Enter it without line breaks or tabs.")
    if text.startswith("-"):
        raise InvalidSetting("url", f"The address can’t start with a dash. {ADDRESS_HELP}")
    if helper := HELPER.match(text):
        raise InvalidSetting("url", f"{helper[1]}:: addresses run programs, so they aren’t allowed. {ADDRESS_HELP}")
    if text.startswith(("/", "./", "../", "~")) or text in {".", ".."}:
        return Address(str(Path(text).expanduser()), local=True)
    scheme, colon, _ = text.partition("://")
    if colon:
        return _url(text, scheme.lower())
    if match := SCP.fullmatch(text):
        _check_host(match["host"])
        _check_user(match["user"])
        if match["path"].startswith("-"):
            raise InvalidSetting("url", "The path can’t start with a dash. Write it as ssh://user@host/path instead.")
        return Address(text, user=match["user"])
    if "@" not in text and ":" in text.split("/")[0]:
        raise InvalidSetting("url", f"The address has no user. Write user@host:path. {ADDRESS_HELP}")
    return Address(text, local=True)


def _url(text: str, scheme: str) -> Address:
    if scheme == "file":
        raise InvalidSetting(
            "url", "file:// addresses aren’t allowed. Enter the path itself, such as /srv/git/shop.git."
        )
    if scheme not in SCHEMES:
        raise InvalidSetting("url", f"{scheme}:// addresses aren’t allowed. {ADDRESS_HELP}")
    if any(sign.isspace() for sign in text):
        raise InvalidSetting("url", "The address contains a space. Write it as %20.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InvalidSetting("url", f"The address can’t be read. {ADDRESS_HELP}") from None
    user, colon, _ = parts.netloc.rpartition("@")[0].partition(":")
    if colon:
        raise InvalidSetting("url", "Leave the password out of the address. Use the secret field.")
    if user:
        _check_user(unquote(user))
    host = parts.netloc.rpartition("@")[2]
    _check_host(host if port is None else host.rpartition(":")[0])
    if len(parts.path.strip("/")) == 0:
        raise InvalidSetting("url", "The address has no repository.")
    return Address(f"{scheme}{text[len(scheme) :]}", user=unquote(user))


def _check_host(host: str) -> None:
    if not HOST.fullmatch(host):
        raise InvalidSetting("url", f"{host[:80]!r} isn’t a valid host name. {ADDRESS_HELP}")


def _check_user(user: str) -> None:
    if not USER.fullmatch(user):
        raise InvalidSetting("url", f"{user[:80]!r} isn’t a valid user name. Use letters, digits, dots and dashes.")


def branch_name(text: str) -> str:
    """Return the typed name of a branch, "" for the default branch; raise InvalidSetting for a name that git refuses."""
    text = text.strip().removeprefix("refs/heads/")
    if text and (len(text) > LONGEST_NAME or not BRANCH.fullmatch(text)):
        raise InvalidSetting("branch", f"{text[:80]!r} isn’t a valid branch name.")
    return text


def tag_pattern(text: str, field: str = "release_tags") -> Callable[[str], bool]:
    """Return a predicate for tag names: a glob such as `v*`, or a regular expression if it looks like one, matched in full.

    An empty pattern matches nothing. Raises InvalidSetting, naming the field, for an expression that does not compile.
    Expressions are RE2's, which matches in time linear to the name, whatever the expression.
    """
    if len(text) > LONGEST_PATTERN:
        raise InvalidSetting(field, f"The pattern is over {LONGEST_PATTERN} characters.")
    if not text:
        return lambda name: False
    is_expression = any(sign in text for sign in "\\(^$+|{") or ".*" in text
    if not is_expression:
        glob = re.compile(fnmatch.translate(text))
        return lambda name: len(name) <= LONGEST_NAME and glob.fullmatch(name) is not None
    try:
        expression = re2.compile(text, EXPRESSIONS)
    except (re2.error, UnicodeEncodeError) as error:
        message = error.args[0] if error.args else error
        reason = message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
        raise InvalidSetting(field, f"The pattern isn’t a valid RE2 regular expression: {reason}.") from None
    return lambda name: len(name) <= LONGEST_NAME and expression.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class TagRules:
    """Which tags are releases, and what they deploy to. `line` None means the service's name, "" company-wide."""

    is_release: Callable[[str], bool]
    deploys_to: str = ""
    line: str | None = None


def tag_rules(config: Mapping[str, Any]) -> TagRules:
    """Return the tag rules in a source's configuration. With an invalid pattern no tag is a release."""
    try:
        is_release = tag_pattern(str(config.get("release_tags") or ""))
    except InvalidSetting:
        is_release = tag_pattern("")
    line = config.get("release_line")
    return TagRules(is_release, str(config.get("deploys_to") or ""), None if line is None else str(line))
