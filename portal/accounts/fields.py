"""A form's field to choose a person in."""

from typing import Any

from django import forms

from portal.accounts.models import User


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """One of the people who can sign in, by name. Programs and people who left are not among them.

    Whoever has it stays to be chosen: `offer(also=...)`.
    """

    def __init__(self, **said: Any) -> None:
        super().__init__(User.objects.none(), to_field_name="username", **said)
        self.offer()

    def offer(self, also: User | None = None) -> None:
        """Offer everyone, and somebody who may have left."""
        people = User.objects.filter(is_active=True, program_of=None)
        if also is not None:
            people |= User.objects.filter(pk=also.pk)
        self.queryset = people.order_by("first_name", "last_name", "username")

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.name)
