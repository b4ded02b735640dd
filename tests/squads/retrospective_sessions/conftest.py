"""Sessions to play with: Ana, Lea and Mia of Payments, and a retrospective of an incident that Lea facilitates."""

from collections.abc import Callable

import pytest
from django.test import Client

from portal.accounts.models import User
from squads.models import Membership, Retrospective, RetrospectiveSession, Squad
from squads.retrospective_sessions.actions import move_phase, open_session
from squads.retrospective_sessions.contributing import write_card
from squads.retrospectives.actions import create


@pytest.fixture
def mia(payments: Squad) -> User:
    """Mia, another member of squad Payments."""
    person = User.objects.create_user("mia", "mia@example.org", "mia-password", first_name="Mia")
    Membership.objects.create(squad=payments, user=person)
    return person


@pytest.fixture
def as_mia(mia: User) -> Client:
    """Mia's browser."""
    browser = Client()
    browser.force_login(mia)
    return browser


@pytest.fixture
def retrospective(payments: Squad, ana: User, lea: User) -> Retrospective:
    """A draft about an incident, which Lea facilitates."""
    return create(payments, by=ana, kind="incident", title="Slow checkout", facilitator=lea)


@pytest.fixture
def session(retrospective: Retrospective, ana: User) -> RetrospectiveSession:
    """Its session, which is anonymous and in its first phase."""
    return open_session(retrospective, by=ana)


@pytest.fixture
def address(retrospective: Retrospective) -> str:
    """Where the session is."""
    return f"/retrospectives/{retrospective.slug}/session/"


@pytest.fixture
def revealed(session: RetrospectiveSession, ana: User, lea: User, mia: User) -> RetrospectiveSession:
    """The session with a card each of Ana, Lea and Mia, revealed."""
    for person, text in ((ana, "Alerts came late"), (lea, "The cache was cold"), (mia, "Rollback was quick")):
        write_card(session, by=person, section="factors", text=text)
    return move_phase(session, "group", by=lea)


Write = Callable[..., str]


@pytest.fixture
def write(session: RetrospectiveSession) -> Write:
    """Write a card: `write(ana, "Alerts came late")`. Returns its secret."""

    def one(person: User, text: str, section: str = "factors") -> str:
        return write_card(session, by=person, section=section, text=text, signed=not session.anonymous)

    return one
