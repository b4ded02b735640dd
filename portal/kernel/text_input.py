"""What people and programs put into addresses and forms."""

from django.http import QueryDict


def plain(text: str) -> str:
    """Return text without the spaces around it, and without NUL, which PostgreSQL does not keep."""
    return text.replace("\x00", "").strip()


def given(values: QueryDict, name: str) -> str:
    """Return one value of a query string or form, plain; "" when it is not there."""
    return plain(values.get(name) or "")
