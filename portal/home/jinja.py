"""The Jinja2 environment of fragments that repeat hundreds of times on one page."""

from typing import Any

from django.urls import reverse
from jinja2 import Environment

from portal.kernel import clock


def environment(**options: Any) -> Environment:
    """Return the environment; autoescaping is on by Django's default."""
    made = Environment(**options)
    made.globals["reverse"] = reverse
    made.filters["ago"] = clock.ago
    return made
