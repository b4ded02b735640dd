"""Errors of git, explained with a remedy. No Django in here."""

# ruff: noqa: E501
import re
from collections.abc import Iterable

PERCENT = re.compile(r"(Receiving objects|Resolving deltas|Counting objects|Compressing objects): +(\d+)%")
REMEDIES = (
    (r"dubious ownership", "The folder belongs to another user. Give the user that runs the worker read access to it."),
    (
        r"host key verification failed",
        "The server's SSH key is not the one known for it. If it was renewed, remove the old one from known_hosts.",
    ),
    (
        r"permission denied \(|publickey",
        "The server refused the SSH key. Add the public key of the user that runs the worker to it.",
    ),
    (
        r"could not read username|authentication failed|terminal prompts disabled|returned error: 40[13]|invalid credentials|access denied|could not read password",
        "The server wants credentials, or refused these. Put a token that may read the repository into the source's secret.",
    ),
    (r"returned error: 30\d|redirect", "The address leads elsewhere. Give the address the repository has now."),
    (
        r"could not resolve",
        "The host name is not known. Check the address, and that the worker's machine can resolve it.",
    ),
    (
        r"connection refused|timed out|failed to connect|no route to host|network is unreachable|couldn't connect|could not connect",
        "The server does not answer. Check the address and port, and that the worker's machine may reach it.",
    ),
    (
        r"ssl|certificate",
        "The server's certificate is not trusted by the worker's machine. Install its authority there.",
    ),
    (
        r"returned error: 404|not found|does not exist|does not appear to be a git|no such file|not a git repository|not exported",
        "There is no repository at this address, or these credentials may not see it.",
    ),
    (r"returned error: 5\d\d", "The server has a problem of its own. It will be tried again."),
    (r"no space left", "The disk is full. Make room where RODEO_STATE_DIR is."),
    (r"transport '.*' not allowed", "This kind of address is not allowed."),
    (
        r"remote end hung up|early eof|unexpected disconnect|unable to rewind|rpc failed",
        "The connection broke. It will be tried again.",
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
