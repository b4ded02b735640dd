"""Parts of a page that are replaced, one by one, when what they show has changed."""

import hashlib
import re
from typing import Any

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

# What differs from one look to the next, though nothing happened.
PASSING = re.compile(
    r"\b\d+ (?:year|month|day|hour|minute)s? ago\b|\bin \d+ (?:year|month|day|hour|minute)s?\b|\bjust now\b"
    r"|<input[^>]*csrfmiddlewaretoken[^>]*>"
)


def version_of(html: str) -> str:
    """Return a short hash of what a part shows; how long ago something was is not part of it."""
    return hashlib.sha256(PASSING.sub("", html).encode()).hexdigest()[:12]


class Part(template.Node):
    """The element of a part: its id and the version of what it shows."""

    def __init__(
        self, nodelist: NodeList, name: FilterExpression, tag: str, options: dict[str, FilterExpression]
    ) -> None:
        self.nodelist, self.name, self.tag, self.options = nodelist, name, tag, options

    def render(self, context: template.Context) -> SafeString:
        """Render what the part shows, then its element around it."""
        html = self.nodelist.render(context).strip()
        attrs = {"id": self.name.resolve(context), "data-version": version_of(html)}
        for name, value in self.options.items():
            attrs[name.replace("_", "-")] = value.resolve(context)
        attributes = mark_safe("".join(format_html(' {}="{}"', name, value) for name, value in attrs.items()))
        return mark_safe(f"<{self.tag}{attributes}>{html}</{self.tag}>")


@register.tag
def part(parser: Parser, token: Token) -> Any:
    """{% part "story-answer" section class="section" %}…{% endpart %}: a part of the page with an id and a version.

    The version changes when what is shown changes. What people type in must stand outside: parts are replaced.
    """
    _, name, *rest = token.split_contents()
    tag = rest.pop(0) if rest and "=" not in rest[0] else "div"
    options = dict(each.split("=", 1) for each in rest)
    nodelist = parser.parse(("endpart",))
    parser.delete_first_token()
    return Part(
        nodelist,
        parser.compile_filter(name),
        tag,
        {key: parser.compile_filter(value) for key, value in options.items()},
    )
