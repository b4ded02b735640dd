"""What a request may say. A name that nobody reads is refused, never passed over: it may be a misspelt one that matters."""

import json
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.renderers import JSONRenderer

LONGEST_SHOWN = 60
# Of very many names in one request, these are answered.
MOST_ANSWERED = 20


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


class Body(serializers.Serializer):
    """The body of a request, field by field.

    `instead` says of fields that are shown but not written here how they change. Who sends back a whole object they have
    read may leave such fields in, with the values they have: `present`, in the context, returns the object as it is shown.
    """

    instead: ClassVar[Mapping[str, str]] = {}

    def to_internal_value(self, data: Any) -> Any:
        """Refuse fields that nobody reads, then read the others."""
        if isinstance(data, Mapping):
            unread = [name for name in data if name not in self.fields and not self._is_as_it_is(name, data[name])]
            if unread:
                raise serializers.ValidationError({name: [self._refusal(name)] for name in unread[:MOST_ANSWERED]})
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
