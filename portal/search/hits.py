"""What a search finds."""

from typing import NamedTuple

from django.utils.safestring import SafeString


class Hit(NamedTuple):
    """One thing that was found. `title` and `excerpt` are HTML in which the words that were looked for are marked."""

    kind: str
    key: str
    plain: str
    title: SafeString
    excerpt: SafeString
    url: str
