"""What axe looks for in every journey: WCAG 2.2 AA. It tells only what is wrong: telling all takes thrice as long."""

from typing import Any

RULES: dict[str, Any] = {
    "preload": False,
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
}
