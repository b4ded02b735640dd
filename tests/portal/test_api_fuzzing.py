"""The API does what its schema says: schemathesis makes requests from it, with a token of each role, and looks at the answers.

New endpoints are found by themselves. RODEO_API_EXAMPLES=100 tries a hundred requests for each operation instead of a few, and
has every role try every limit.
"""

import os
import socket
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.db import connection
from pytest_django import Settings
from schemathesis import engine
from schemathesis.engine import events
from schemathesis.transport.wsgi import WSGITransport

from portal.accounts.actions import make_token
from portal.kernel.api_schema import ServedSchema

from .permissions import World, world

EXAMPLES = int(os.environ.get("RODEO_API_EXAMPLES") or 0)
ROLES = ("nobody", "reader", "other", "member", "lead", "manager", "administrator", "program")
# A schema can't say which squads there are, or that a story must be blocked before it is unblocked: much that fits it is
# refused with 400 all the same.
EXCLUDED = {"positive_data_acceptance"}
# How the test asks, when the application is in the same process, has no sockets (schemathesis 4.32 hands their settings on
# where a check asks a second time, and fails).
OF_SOCKETS = {"max_redirects", "verify", "cert", "proxies"}
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def asked_in_process(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    send = WSGITransport.send

    def sent(transport: Any, case: Any, **options: Any) -> Any:
        return send(transport, case, **{name: each for name, each in options.items() if name not in OF_SOCKETS})

    monkeypatch.setattr(WSGITransport, "send", sent)
    resolve = socket.getaddrinfo

    def resolved(host: Any, *rest: Any, **options: Any) -> Any:
        if host not in ("127.0.0.1", "localhost"):
            raise socket.gaierror(socket.EAI_NONAME, "no names are looked up here")
        return resolve(host, *rest, **options)

    # Administrators connect systems: none outside of this machine is asked.
    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    # As in use: a connection of its own for each of thousands of requests takes PostgreSQL longer than all it answers.
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)
    # Whether wrong passwords are refused is tried for every operation; slowing such guesses has tests of its own.
    monkeypatch.setattr("portal.accounts.authentication.ratelimit.consume", lambda *_, **__: True)


def token_of(role: str, made: World) -> str:
    """Return a token of a role. A program has the token of a squad, which may only report."""
    if role == "program":
        return make_token(by=made.people["lead"], name="CI", scopes=["report"], days=7, squad=made.squad)[1]
    person: Any = made.people[role]
    return make_token(by=person, user=person, name=role, scopes=["read", "write"], days=7)[1]


def config_for(role: str, made: World, *phases: str) -> Any:
    """Return what schemathesis is told: what to try, from where, and the names of things that exist."""
    keys = [made.story.key, made.blocked.key, made.running.key, made.by_squad.story.key, made.ended.key]
    slugs = [
        made.squad.slug,
        made.search.slug,
        made.service.slug,
        made.environment.slug,
        made.guessed.slug,
        made.release.slug,
    ]
    names = {
        "keys": keys,
        "slugs": slugs,
        "sources": [made.source.key, made.git.key, "idle"],
        "people": ["mo", "reader"],
    }
    bound = {"path.key": "keys", "path.slug": "slugs", "path.username": "people"}
    return schemathesis.Config.from_dict(
        {
            "seed": 1,
            "headers": {} if role == "nobody" else {"Authorization": f"Bearer {token_of(role, made)}"},
            "continue-on-failure": True,
            "dictionaries": {name: {"values": values} for name, values in names.items()},
            "parameters": {where: {"dictionary": name, "probability": 0.7} for where, name in bound.items()},
            "generation": {"max-examples": EXAMPLES or 2, "no-shrink": True, "database": "none"},
            "phases": {
                "examples": {"enabled": "examples" in phases, "fill-missing": True},
                "coverage": {"enabled": "coverage" in phases, "unexpected-methods": ["PUT"]},
                "fuzzing": {"enabled": "fuzzing" in phases},
                "stateful": {
                    "enabled": "stateful" in phases,
                    "max-steps": 5,
                    "generation": {"max-examples": EXAMPLES or 6},
                },
            },
            "checks": {name: {"enabled": False} for name in EXCLUDED},
        }
    )


def unexpected(found: Iterable[Any]) -> Iterator[str]:
    """Name every answer that is not as the schema says, with the request that gets it."""
    for event in found:
        if isinstance(event, events.NonFatalError | events.FatalError):
            yield f"{getattr(event, 'label', '')}: {getattr(event, 'value', None) or event}"
        if isinstance(event, events.ScenarioFinished):
            for checks in event.recorder.checks.values():
                for check in checks:
                    if (info := check.failure_info) is not None:
                        failure = info.failure
                        sample = info.code_sample[:1000]
                        yield f"{event.label}: {check.name}: {failure.title}\n{failure.message}\n{sample}"


def resources() -> list[str]:
    """Return the first parts of all addresses: what hangs together stays together."""
    paths = ServedSchema().get_schema()["paths"]
    return sorted({path.split("/")[3] for path in paths if path.startswith("/api/v1/")})


def tried(role: str, chosen: Iterable[str], *phases: str) -> list[str]:
    """Try some resources with the token of a role; return every answer that is not as the schema says."""
    made, wanted = world(), set(chosen)
    description = ServedSchema().get_schema()
    of_api = {path: each for path, each in description["paths"].items() if path.startswith("/api/v1/")}
    description["paths"] = {path: each for path, each in of_api.items() if path.split("/")[3] in wanted}
    schema = schemathesis.openapi.from_dict(description, config=config_for(role, made, *phases))
    schema.app = get_wsgi_application()
    asked = Counter[str]()
    found = list(unexpected(_counted(engine.from_schema(schema).execute(), asked)))
    assert asked.total() > 50, "hardly anything was tried"
    return list(dict.fromkeys(found))


def _counted(found: Iterable[Any], asked: Counter[str]) -> Iterator[Any]:
    for event in found:
        if isinstance(event, events.ScenarioFinished):
            asked[event.phase.value] += len(event.recorder.interactions)
        yield event


# Each takes minutes of both cores in all, so they share the two databases.
@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_only_answers_that_the_schema_has(role: str) -> None:
    known = resources()
    # Each role tries every fourth resource, in turn: each of them is tried by two.
    chosen = known if EXAMPLES else known[ROLES.index(role) % 4 :: 4]
    found = tried(role, chosen, "examples", "fuzzing", "stateful", *(["coverage"] if EXAMPLES else []))
    assert not found, f"{len(found)} unexpected answers\n\n" + "\n\n".join(found[:20])


@pytest.mark.only_on("postgresql")
@pytest.mark.parametrize("share", range(4))
def test_every_limit_of_the_schema_is_kept_and_nothing_beyond_it_is_taken(share: int) -> None:
    found = tried("administrator", resources()[share::4], "coverage")
    assert not found, f"{len(found)} unexpected answers\n\n" + "\n\n".join(found[:20])
