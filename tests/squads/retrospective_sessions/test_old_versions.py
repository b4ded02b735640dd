"""What a database keeps of hidden cards after the reveal: nothing."""

from pathlib import Path

import pytest
from django.db import connection

from portal.accounts.models import User
from portal.kernel.deleted_rows import overwrite_versions
from squads.models import HiddenCards, Retrospective, RetrospectiveSession
from squads.retrospective_sessions.actions import move_phase, open_session
from squads.retrospective_sessions.contributing import write_card

pytestmark = pytest.mark.django_db(transaction=True)


def sealed() -> str:
    """What stands in the database's row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM squads_hiddencards")
        (text,) = cursor.fetchone()
    return str(text)


def kept() -> bytes:
    """What the files of the database hold of the table of hidden cards."""
    if connection.vendor == "sqlite":
        path = Path(str(connection.settings_dict["NAME"]))
        return b"".join(each.read_bytes() for each in (path, path.with_name(f"{path.name}-wal")) if each.exists())
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltoastrelid::regclass::text FROM pg_class WHERE relname = 'squads_hiddencards'")
        (toast,) = cursor.fetchone()
        cursor.execute("SELECT pg_relation_size('squads_hiddencards') + pg_relation_size(%s)", [toast])
        (size,) = cursor.fetchone()
    return b"x" * size


def test_former_versions_of_hidden_cards_are_gone_with_the_reveal(
    session: RetrospectiveSession, ana: User, lea: User, mia: User
) -> None:
    versions = []
    for person in (ana, lea, mia):
        write_card(session, by=person, section="factors", text=f"By {person}")
        versions.append(sealed())
    move_phase(session, "group", by=lea)
    assert not HiddenCards.objects.exists()
    left = kept()
    if connection.vendor == "sqlite":
        assert [each[100:400].encode() in left for each in versions] == [False] * 3
    else:
        assert left == b""


def test_what_other_sessions_hide_stays(
    session: RetrospectiveSession, retrospective: Retrospective, payments: object, ana: User, lea: User, mia: User
) -> None:
    from squads.retrospective_sessions.contributing import read
    from squads.retrospectives.actions import create

    other = open_session(create(retrospective.squad, by=ana, kind="incident", title="Other", facilitator=lea), by=ana)
    write_card(other, by=mia, section="factors", text="Still hidden")
    for person in (ana, lea, mia):
        write_card(session, by=person, section="factors", text=f"By {person}")
    move_phase(session, "group", by=lea)
    hidden = read(other)
    assert hidden is not None and [each.text for each in hidden.cards] == ["Still hidden"]


def test_while_the_table_is_in_use_it_goes_the_next_time(
    session: RetrospectiveSession, ana: User, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import DatabaseError
    from django.db.backends.utils import CursorWrapper

    def refused(self: object, *args: object) -> None:
        raise DatabaseError("it is locked")

    write_card(session, by=ana, section="factors", text="Here")
    with monkeypatch.context() as patched:
        patched.setattr(CursorWrapper, "execute", refused)
        overwrite_versions(HiddenCards, "sealed")
    assert "Former versions of hidden cards are still in the database: it is locked" in caplog.text
    overwrite_versions(HiddenCards, "sealed")
