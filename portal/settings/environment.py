"""Reading the environment's variables; docs/configuration.md lists them."""

import os


def flag(name: str, default: bool = False) -> bool:
    """Read a yes/no environment variable; anything but 1, true, yes or on is no."""
    return os.environ.get(name, str(default)).strip().lower() in {"1", "true", "yes", "on"}


def words(name: str, default: str = "") -> list[str]:
    """Read a comma-separated environment variable."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]
