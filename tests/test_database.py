"""The database of the tests is emptied although somebody is still at work in it."""

import pytest
from django.core.management import CommandError
from django.db import OperationalError, ProgrammingError

from tests.database import empty

pytestmark = pytest.mark.django_db


def refused(error: Exception) -> CommandError:
    """Return what Django's `flush` says of an error."""
    said = CommandError("Database couldn't be flushed")
    said.__cause__ = error
    return said


def test_a_flush_that_met_a_request_is_tried_again() -> None:
    answers = [refused(OperationalError("deadlock detected")), OperationalError("database is locked")]
    tried = []

    def flush() -> None:
        tried.append(1)
        if answers:
            raise answers.pop(0)

    empty(flush)
    assert len(tried) == 3


def test_what_another_try_cannot_mend_is_said_at_once() -> None:
    tried = []

    def flush() -> None:
        tried.append(1)
        raise refused(ProgrammingError("no such table"))

    with pytest.raises(CommandError):
        empty(flush)
    assert len(tried) == 1
