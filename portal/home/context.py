"""What every page knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from squads.acceptance.queries import count_waiting_for


def portal(request: HttpRequest) -> dict[str, Any]:
    """Name the settings that pages mention, and, once a page asks, how much waits for the person."""
    return {
        "open_reading": settings.RODEO_OPEN_READING,
        "base_url": settings.RODEO_BASE_URL,
        "waiting_count": lambda: count_waiting_for(request.user),
    }
