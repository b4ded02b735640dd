"""What every page knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def portal(request: HttpRequest) -> dict[str, Any]:
    """Name the settings that pages mention."""
    return {
        "open_reading": settings.RODEO_OPEN_READING,
        "base_url": settings.RODEO_BASE_URL,
        "events_url": settings.RODEO_EVENTS_URL,
    }
