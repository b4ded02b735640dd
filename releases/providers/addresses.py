"""Web addresses as others write them: whose they are, what they lead to, and whether people may follow them."""

from urllib.parse import SplitResult, urlsplit

LONGEST_LINK = 1000


def link(text: str) -> str:
    """Return an address people may follow, or "": a link leads to the web and nowhere else."""
    return text if text.startswith(("https://", "http://")) and len(text) <= LONGEST_LINK else ""


def host_of(*texts: str) -> str:
    """Return the host (with its port) of the first web address among these, in small letters; "" if none is one."""
    for text in texts:
        parts = _split(text)
        if parts is not None:
            return parts.netloc.rpartition("@")[2].lower()
    return ""


def path_of(text: str) -> str:
    """Return the path of a web address without slashes at its ends; "" for text that is none."""
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
