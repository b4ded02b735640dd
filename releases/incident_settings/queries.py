"""What others ask of how the company speaks of incidents."""

from releases.incident_settings.models import Severity, due_days


def due_days_of(name: str) -> int | None:
    """Return in how many days the actions of a severity are due, by its name; None where somebody has to choose."""
    wanted = name.strip().casefold()
    for place, severity in enumerate(Severity.objects.all()):
        if severity.name.casefold() == wanted:
            return due_days(severity, place)
    return None
