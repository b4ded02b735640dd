"""What a request may say. A name that nobody reads is refused, never passed over: it may be a misspelt one that matters."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer

LONGEST_SHOWN = 60
# Of very many names in one request, these are answered.
MOST_ANSWERED = 20
# Of a parameter in an address.
LONGEST_PARAMETER = 1000
TEXT, NUMBER, TRUTH, LIST, OBJECT = (
    "Write this as text, in quotes.",
    "Write this as a whole number, without quotes.",
    "Write true or false, without quotes.",
    "Write this as a list, in square brackets.",
    "Write this as an object, in braces.",
)

TEXTS = (
    serializers.CharField,
    serializers.ChoiceField,
    serializers.DateField,
    serializers.DateTimeField,
    serializers.SlugRelatedField,
    serializers.UUIDField,
)


def unknown_name(name: str, known: Collection[str], what: str = "field") -> str:
    """Return the refusal of a name that is none of the known ones, with the nearest of them."""
    shown = name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}…"
    said = f"There’s no {what} “{shown}”."
    if not known:
        return f"{said} This takes none."
    near = get_close_matches(name.lower(), list(known), n=1)
    return f"{said} Did you mean “{near[0]}”?" if near else f"{said} There are: {', '.join(known)}."


def check_names(names: Collection[str], known: Collection[str], what: str = "field") -> None:
    """Refuse names that are none of the known ones, each by its own name. Raises ValidationError."""
    unknown = [name for name in names if name not in known]
    if unknown:
        raise serializers.ValidationError({name: [unknown_name(name, known, what)] for name in unknown[:MOST_ANSWERED]})


def check_lengths(parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that are longer than any has a reason to be. Raises ValidationError."""
    long = [name for name, value in parameters.items() if len(value) > LONGEST_PARAMETER]
    if long:
        said = f"This has over {LONGEST_PARAMETER} characters. Shorten it."
        raise serializers.ValidationError({name: [said] for name in long[:MOST_ANSWERED]})


def mistyped(field: serializers.Field, value: Any) -> str:
    """Return the refusal of a JSON value of another type than the field's, or longer than it; nothing if it fits.

    The framework reads much of it all the same, and so takes 5.10 for the version 5.1, or "no" for a kind of yes.
    """
    if value is None:
        return ""
    if isinstance(field, serializers.ListField | serializers.ManyRelatedField):
        child = field.child if isinstance(field, serializers.ListField) else field.child_relation
        return _any_mistyped(child, value) if isinstance(value, list) else LIST
    if isinstance(field, serializers.DictField):
        return _any_mistyped(field.child, value.values()) if isinstance(value, dict) else OBJECT
    if isinstance(field, serializers.BooleanField):
        return "" if isinstance(value, bool) else TRUTH
    numbers = isinstance(field, serializers.ChoiceField) and any(isinstance(each, int) for each in field.choices)
    if numbers or isinstance(field, serializers.IntegerField):
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return "" if is_whole and not isinstance(value, bool) else NUMBER
    if isinstance(field, TEXTS) and not isinstance(value, str):
        return TEXT
    most = getattr(field, "max_length", None)
    # Counted as sent, as the schema has it: the framework counts what is left without spaces at the ends.
    text = value if isinstance(value, str) else ""
    return f"This has over {most} characters. Shorten it." if most and len(text) > most >= len(text.strip()) else ""


def _any_mistyped(field: serializers.Field, values: Iterable[Any]) -> str:
    return next((said for each in values if (said := mistyped(field, each))), "")


class LimitedText(serializers.CharField):
    """A text of at most `longest` characters, which its verb checks: one that came longer from elsewhere may stay as it is."""

    def __init__(self, *, longest: int, **options: Any) -> None:
        self.longest = longest
        super().__init__(**options)


class LimitedList(serializers.ListField):
    """A list of at most `most` entries, which its verb checks."""

    def __init__(self, *, most: int, **options: Any) -> None:
        self.most = most
        super().__init__(**options)


class Body(serializers.Serializer):
    """The body of a request, field by field.

    `instead` says of fields that are shown but not written here how they change. Who sends back a whole object they have
    read may leave such fields in, with the values they have: `present`, in the context, returns the object as it is shown.
    """

    instead: ClassVar[Mapping[str, str]] = {}
    # A body that could be sent, for the documentation.
    example: ClassVar[Mapping[str, Any]] = {}

    def to_internal_value(self, data: Any) -> Any:
        """Refuse fields that nobody reads, then read the others."""
        if isinstance(data, Mapping):
            unread = [name for name in data if name not in self.fields and not self._is_as_it_is(name, data[name])]
            if unread:
                raise serializers.ValidationError({name: [self._refusal(name)] for name in unread[:MOST_ANSWERED]})
            # What comes as a form is all text.
            typed = {} if isinstance(data, QueryDict) else self.fields
            wrong = {name: said for name, field in typed.items() if (said := mistyped(field, data.get(name)))}
            if wrong:
                raise serializers.ValidationError(wrong)
        return super().to_internal_value(data)

    def _present(self) -> Mapping[str, Any]:
        ask: Callable[[], Mapping[str, Any]] | None = self.context.get("present")
        if ask is None:
            return {}
        if not hasattr(self, "_shown"):
            # As it travels: moments and identities are text there.
            self._shown: Mapping[str, Any] = json.loads(JSONRenderer().render(ask()))
        return self._shown

    def _is_as_it_is(self, name: str, value: Any) -> bool:
        present = self._present()
        return name in present and present[name] == value

    def _refusal(self, name: str) -> str:
        if name in self.instead:
            return f"“{name}” can’t be changed here. {self.instead[name]}"
        if name in self._present():
            return f"“{name}” is read-only. Leave it out."
        return unknown_name(name, list(self.fields))
