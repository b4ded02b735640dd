"""What `manage.py check`, and every command before it does anything, says of the environment."""

from typing import Any

from django.core import checks

from portal.settings.environment import unread


def unread_variables(**_: Any) -> list[checks.CheckMessage]:
    """Warn of variables that look like Rodeo's and that nothing reads: misspelt, they would change nothing in silence."""
    return [
        checks.Warning(
            f"{name} is set but unknown.",
            hint=f"Did you mean {nearest}?" if nearest else "See docs/configuration.md for all settings.",
            id="rodeo.W001",
        )
        for name, nearest in unread().items()
    ]
