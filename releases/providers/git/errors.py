"""Errors of git, explained with a remedy. No Django in here."""

# ruff: noqa: E501
import re
from collections.abc import Iterable

PERCENT = re.compile(r"(Receiving objects|Resolving deltas|Counting objects|Compressing objects): +(\d+)%")
REMEDIES = (
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
        r"ssl|certificate",
        "The server’s certificate isn’t trusted. Install its authority on the worker’s machine.",
    ),
    (
        r"returned error: 404|not found|does not exist|does not appear to be a git|no such file|not a git repository|not exported",
        "There’s no repository at this address, or these credentials can’t see it.",
    ),
    (r"returned error: 5\d\d", "The server has a problem of its own. Rodeo will try again."),
    (r"no space left", "The disk is full. Free some space for RODEO_STATE_DIR."),
    (r"transport '.*' not allowed", "This kind of address isn’t allowed."),
    (
        r"remote end hung up|early eof|unexpected disconnect|unable to rewind|rpc failed",
        "The connection broke. Rodeo will try again.",
    ),
)


class GitFailed(Exception):
    """Git failed. The text says why in plain words and what to do."""


def explain(stderr: str, hidden: Iterable[str] = ()) -> str:
    """Return a remedy and git's own message for what a failed git wrote to stderr.

    Secrets in `hidden` are cut out: a server's message may repeat them.
    """
    for secret in hidden:
        stderr = stderr.replace(secret, "…") if secret else stderr
    lines = [line.strip() for line in re.split(r"[\r\n]+", stderr) if line.strip() and not PERCENT.search(line)]
    fatal_lines = [
        line for line in lines if re.match(r"(fatal|error|remote|ssh|.*denied)", line, re.IGNORECASE)
    ] or lines
    summary = re.sub(r"(://)[^/@\s]+@", r"\1", " ".join(fatal_lines[-3:]))[:500]
    for expression, remedy in REMEDIES:
        if re.search(expression, stderr, re.IGNORECASE):
            return f"{remedy} (git: {summary})"
    return f"git failed: {summary or 'it gave no reason'}"
