"""URLs in payloads: their host, their path, and whether they are safe to show as a link."""

from urllib.parse import SplitResult, urlsplit

LONGEST_LINK = 1000


def link(text: str) -> str:
    """Return a URL if it may be shown as a link (http or https, not too long), else ""."""
    return text if text.startswith(("https://", "http://")) and len(text) <= LONGEST_LINK else ""


def host_of(*texts: str) -> str:
    """Return the host, with its port, of the first web URL among these in lower case; "" if there is none."""
    for text in texts:
        parts = _split(text)
        if parts is not None:
            return parts.netloc.rpartition("@")[2].lower()
    return ""


def path_of(text: str) -> str:
    """Return the path of a web URL without slashes at its ends; "" for text that is no web URL."""
    parts = _split(text)
    return parts.path.strip("/") if parts is not None else ""


def _split(text: str) -> SplitResult | None:
    if not link(text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return parts if parts.netloc else None
