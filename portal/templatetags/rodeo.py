"""Template tags every page may use."""

from datetime import date, datetime, timedelta
from typing import Any

from django import template
from django.forms import BaseForm, CheckboxSelectMultiple
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from portal.kernel import clock
from squads.stories import ladder

register = template.Library()


@register.simple_tag
def when(moment: datetime | None, missing: str = "") -> SafeString | str:
    """Say a moment as "3 days ago", with the exact time in UTC on hover and for machines."""
    if moment is None:
        return missing
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        clock.iso(moment),
        moment.strftime("%Y-%m-%d %H:%M"),
        clock.ago(moment),
    )


@register.simple_tag
def exactly(moment: datetime | date | None, missing: str = "") -> SafeString | str:
    """Write a moment as 2026-03-14 15:09, in UTC, which the hover says with "3 days ago"; a date as 2026-03-14."""
    if moment is None:
        return missing
    if not isinstance(moment, datetime):
        return format_html('<time datetime="{}">{}</time>', moment.isoformat(), moment.isoformat())
    return format_html(
        '<time datetime="{}" title="UTC, {}">{}</time>',
        clock.iso(moment),
        clock.ago(moment),
        moment.strftime("%Y-%m-%d %H:%M"),
    )


@register.filter
def sentence(words: str) -> str:
    """Begin with a capital, unless the first word is a name that none belongs to, such as a version: v1.1."""
    first = words.split(" ", 1)[0]
    return words if any(each.isdigit() for each in first) else words[:1].upper() + words[1:]


@register.filter
def duration(length: timedelta | float | None) -> str:
    """Say a length of time (a timedelta or seconds) in its one largest unit."""
    return clock.duration(length)


@register.filter
def length_of(length: timedelta | None) -> str:
    """Say a length of time to the minute: “1 h 5 min”."""
    return clock.exact_duration(length)


@register.simple_tag(name="ladder")
def ladder_glyph(standing: dict[str, Any] | None) -> SafeString:
    """Draw the ladder glyph of a story's standing."""
    return ladder.glyph(standing)


@register.simple_tag(takes_context=True)
def here(context: template.Context, *prefixes: str) -> SafeString | str:
    """Mark the navigation link whose part of the portal is open: the pages whose addresses begin so, the first its main one."""
    request = context.get("request")
    if request is None or not request.path.startswith(prefixes):
        return ""
    return mark_safe('aria-current="page"' if request.path == prefixes[0] else 'aria-current="true"')


@register.inclusion_tag("components/_form.html")
def fields(form: BaseForm) -> dict[str, Any]:
    """Render a form's fields with labels, help and errors that name field and remedy."""
    for field in form:
        attrs = field.field.widget.attrs
        notes = [f"{field.auto_id}-help"] if field.help_text else []
        if field.errors:
            attrs["aria-invalid"] = "true"
            notes.append(f"{field.auto_id}-error")
        if notes:
            attrs["aria-describedby"] = " ".join(notes)
    return {"form": form}


@register.filter
def kind_of(field: Any) -> str:
    """Return how a form field is laid out: its widget's input type, or its class's name in small letters."""
    widget = field.field.widget
    if isinstance(widget, CheckboxSelectMultiple):
        return "group"
    return getattr(widget, "input_type", None) or type(widget).__name__.lower()


@register.filter
def share(part: int, whole: int) -> str:
    """Say a part of a whole in percent; nothing where there is no whole."""
    return f"{round(100 * part / whole)}\u202f%" if whole else ""


@register.filter
def mine(people: Any, user: Any) -> bool:
    """Say whether a person is among those who are assigned."""
    return any(each.username == user.username for each in people)


@register.filter
def of(mapping: dict[Any, Any], key: Any) -> Any:
    """Return what a mapping holds for a key; nothing where it has none."""
    return mapping.get(key, ())


@register.filter
def spoken(state: str) -> str:
    """Say a state as people do: "to do", "in progress", "rodeo done"."""
    return {"todo": "to do"}.get(state, state.replace("_", " "))


@register.filter
def with_errors(form: Any) -> list[Any]:
    """Return the fields of a form that something is wrong with."""
    return [field for field in form if field.errors]
