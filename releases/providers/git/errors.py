"""Errors of git, explained with a remedy. No Django in here."""

# ruff: noqa: E501
import re
from collections.abc import Iterable
from urllib.parse import quote

PERCENT = re.compile(r"(Receiving objects|Resolving deltas|Counting objects|Compressing objects): +(\d+)%")
LONGEST_RAW = 2000
REMEDIES = (
    # Before what a full disk leads to: a connection that broke, a pack that is damaged.
    (r"no space left|disk quota exceeded", "The disk of the worker is full. Free some space for RODEO_STATE_DIR."),
    (r"dubious ownership", "The folder belongs to another user. Give the worker’s user read access."),
    (
        r"host key verification failed",
        "The server's SSH key is not the one known for it. If it was renewed, remove the old one from known_hosts.",
    ),
    (
        r"permission denied \(|publickey",
        "The server rejected the SSH key. Add the worker’s public key to it.",
    ),
    (
        r"could not read username|authentication failed|terminal prompts disabled|returned error: 40[13]|invalid credentials|access denied|could not read password",
        "The server needs other credentials. Put a token with read access into the source’s secret.",
    ),
    (r"returned error: 30\d|redirect", "The address redirects. Enter the repository’s current address."),
    (
        r"could not resolve",
        "Unknown host. Check the address, and that the worker can resolve it.",
    ),
    (
        r"connection refused|timed out|failed to connect|no route to host|network is unreachable|couldn't connect|could not connect",
        "The server doesn’t answer. Check the address and port, and that the worker can reach it.",
    ),
    (
        r"ssl|certificate|gnutls|tls ",
        "No secure connection: the server’s certificate isn’t trusted. Add its authority with RODEO_CA_BUNDLE, or check the address.",
    ),
    (
        r"returned error: 404|not found|does not exist|does not appear to be a git|no such file|not a git repository|not exported",
        "There’s no repository at this address, or these credentials can’t see it.",
    ),
    (r"returned error: 5\d\d", "The server has a problem. Rodeo will try again."),
    (
        r"shallow",
        "The repository is a shallow copy that can’t be read from. Enter the address of a full one, or run “git fetch --unshallow” in it.",
    ),
    (r"permission denied", "The worker isn’t allowed to read this folder. Give the worker’s user read access."),
    (r"transport '.*' not allowed", "This kind of address isn’t allowed."),
    (
        r"remote end hung up|early eof|unexpected disconnect|unable to rewind|rpc failed",
        "The connection broke. Rodeo will try again.",
    ),
)


UNKNOWN = "Git failed for an unknown reason. Its message is below. Rodeo will try again."
SILENT = "Git failed without a reason. Rodeo will try again."
# What a server may repeat of a request, whoever's secret it is.
CREDENTIALS = re.compile(
    r"(://)[^/@\s]+@|((?:authorization|private-token|password)\s*[:=]\s*(?:basic|bearer|token)?\s*)\S+", re.IGNORECASE
)


class GitFailed(Exception):
    """Git failed. The text says why in plain words and what to do; `raw` is what git wrote, without secrets."""

    def __init__(self, text: str, raw: str = "") -> None:
        self.raw = raw
        super().__init__(text)


def failure(stderr: str, hidden: Iterable[str] = ()) -> GitFailed:
    """Return the error for what a failed git wrote to stderr. Secrets in `hidden` are cut out of its raw text."""
    return GitFailed(explain(stderr), own_words(stderr, hidden))


def is_full(raw: str) -> bool:
    """Say whether git failed because a disk is full."""
    return explain(raw) == REMEDIES[0][1]


def explain(stderr: str) -> str:
    """Return what went wrong and the remedy, in plain words."""
    for expression, remedy in REMEDIES:
        if re.search(expression, stderr, re.IGNORECASE):
            return remedy
    return UNKNOWN if stderr.strip() else SILENT


def own_words(stderr: str, hidden: Iterable[str] = ()) -> str:
    """Return git's own message, line by line, without progress and secrets: a server's message may repeat them."""
    for secret in hidden:
        for written in {secret, quote(secret), quote(secret, safe="")} - {""}:
            stderr = stderr.replace(written, "…")
    stderr = CREDENTIALS.sub(lambda found: f"{found[1] or found[2]}{'' if found[1] else '…'}", stderr)
    lines = [line.strip() for line in re.split(r"[\r\n]+", stderr) if line.strip() and not PERCENT.search(line)]
    return "\n".join(lines[-20:]).replace("\0", "")[-LONGEST_RAW:]
