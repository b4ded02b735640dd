"""What `manage.py check`, and every command before it does anything, says of the environment."""

from typing import Any

from django.core import checks

from portal.settings.environment import unread


def unread_variables(**_: Any) -> list[checks.CheckMessage]:
    """Warn of variables that look like Rodeo's and that nothing reads: misspelt, they would change nothing in silence."""
    return [
        checks.Warning(
            f"{name} is set, but nothing reads it.",
            hint=f"Did you mean {nearest}?" if nearest else "docs/configuration.md lists what is read.",
            id="rodeo.W001",
        )
        for name, nearest in unread().items()
    ]
