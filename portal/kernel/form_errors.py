"""Showing what a verb objects to where it was typed."""

from django.core.exceptions import ValidationError
from django.forms import BaseForm

from portal.kernel.transitions import AlreadyMoved


def refusal(error: AlreadyMoved | ValidationError) -> tuple[str, int]:
    """Return the words of what a verb raised, and the status that a page answers with: the same as the API's."""
    return (str(error), 409) if isinstance(error, AlreadyMoved) else (words_of(error), 400)


def words_of(error: ValidationError) -> str:
    """Return everything that a verb objects to as one text, where there is no field to show it at."""
    return " ".join(error.messages)


def add_errors(form: BaseForm, error: ValidationError) -> None:
    """Show a verb’s objection at the field it names, or above the form where the form has no such field."""
    if hasattr(error, "error_dict"):
        for name, errors in error.error_dict.items():
            form.add_error(name if name in form.fields else None, errors)
    else:
        form.add_error(None, error)
