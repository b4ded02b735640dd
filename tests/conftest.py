"""The cast and the stage of every test.

A few people cover the questions of permission: `ana` is a member of squad Payments, `bo` of another squad, Search, and
`root` administers the portal. `lea` leads Payments, `pam` is a project manager, and `ria` only reads. `as_ana`, `as_bo`
and so on are browsers they are signed in with; `client` is nobody.
"""

import gc
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from pytest_django import DjangoDbBlocker
    from pytest_django.live_server_helper import LiveServer

    from portal.accounts.models import User
    from squads.teams.models import Service, Squad

ROOT = Path(__file__).resolve().parent.parent

# How long an example took says how busy the machine is. Everything else stays as it is, also what CI changes.
hypothesis.settings.register_profile("rodeo", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("rodeo")

# The real inputs

REAL_DATA = Path(os.environ.get("RODEO_REAL_DATA") or ROOT.parent / "shared" / "real")
NO_REAL_DATA = "RODEO_REAL_DATA names no folder with the real inputs"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real inputs, which are not part of this repository. Skips where there is none."""
    if not REAL_DATA.is_dir():
        pytest.skip(NO_REAL_DATA)
    return REAL_DATA


# The database


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Have pytest-django find the database made, as the next fixture does."""
    return True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, django_db_blocker: "DjangoDbBlocker"
) -> Iterator[None]:
    """Give this test process a copy of a database that was migrated before."""
    from tests import database

    with django_db_blocker.unblock():
        database.place(Path(settings.STATE_DIR).parent)
    yield
    with django_db_blocker.unblock():
        database.take_away()


@pytest.fixture(scope="session", autouse=True)
def _emptied_when_nobody_is_at_work() -> Iterator[None]:
    """Empty the database after a test with other processes or browsers as `database.empty` does."""
    from django.test import TransactionTestCase

    from tests import database

    flush = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = lambda test: database.empty(lambda: flush(test))
    yield
    TransactionTestCase._fixture_teardown = flush


# The cast


@pytest.fixture
def payments(db: None) -> "Squad":
    """Squad Payments: its stories are called PAY-1, PAY-2 and so on."""
    from squads.teams.models import Squad

    return Squad.objects.create(name="Payments", slug="payments", key_prefix="PAY")


@pytest.fixture
def search(db: None) -> "Squad":
    """Squad Search (SEA-1, SEA-2, ...), which has nothing to do with Payments."""
    from squads.teams.models import Squad

    return Squad.objects.create(name="Search", slug="search", key_prefix="SEA")


@pytest.fixture
def checkout(payments: "Squad") -> "Service":
    """The service checkout of squad Payments."""
    from squads.teams.models import Service

    return Service.objects.create(name="checkout", slug="checkout", squad=payments)


def _person(name: str, squad: "Squad | None" = None, **fields: Any) -> "User":
    from portal.accounts.models import User
    from squads.teams.models import Membership

    person = User.objects.create_user(
        name, f"{name}@example.org", f"{name}-password", first_name=name.title(), **fields
    )
    if squad is not None:
        Membership.objects.create(squad=squad, user=person)
    return person


@pytest.fixture
def ana(payments: "Squad") -> "User":
    """Ana, a member of squad Payments."""
    return _person("ana", payments)


@pytest.fixture
def bo(search: "Squad") -> "User":
    """Bo, a member of squad Search, and not of Payments."""
    return _person("bo", search)


@pytest.fixture
def root(db: None) -> "User":
    """Root, who administers the portal and is in no squad."""
    return _person("root", is_staff=True, is_superuser=True)


@pytest.fixture
def lea(payments: "Squad") -> "User":
    """Lea, who leads squad Payments."""
    person = _person("lea", payments)
    person.memberships.update(role="lead")
    return person


@pytest.fixture
def pam(db: None) -> "User":
    """Pam, a project manager who is in no squad."""
    return _person("pam", is_project_manager=True)


@pytest.fixture
def ria(db: None) -> "User":
    """Ria, who has an account and nothing else: a reader."""
    return _person("ria")


def _signed_in(person: "User") -> Client:
    browser = Client()
    browser.force_login(person)
    return browser


@pytest.fixture
def as_ana(ana: "User") -> Client:
    """Ana's browser."""
    return _signed_in(ana)


@pytest.fixture
def as_bo(bo: "User") -> Client:
    """Bo's browser."""
    return _signed_in(bo)


@pytest.fixture
def as_root(root: "User") -> Client:
    """Root's browser."""
    return _signed_in(root)


@pytest.fixture
def as_lea(lea: "User") -> Client:
    """Lea's browser."""
    return _signed_in(lea)


@pytest.fixture
def as_pam(pam: "User") -> Client:
    """Pam's browser."""
    return _signed_in(pam)


@pytest.fixture
def as_ria(ria: "User") -> Client:
    """Ria's browser."""
    return _signed_in(ria)


# The mail


def posted() -> list[Any]:
    """Have the worker's part done here, and return every mail that was sent so far."""
    from django.core import mail

    from portal.kernel.mail import send_waiting

    send_waiting()
    return list(mail.outbox)


# The broker, and processes that use it


def _answers(url: str) -> bool:
    import redis

    from portal.kernel.broker import client as connect

    try:
        with connect(url) as connected:
            return bool(connected.ping())
    except (redis.RedisError, OSError):
        return False


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """The address of a real broker: the one BROKER_URL names, else an embedded one of this test process."""
    url: str = settings.BROKER_URL
    if os.environ.get("BROKER_URL"):
        assert _answers(url), f"No broker answers at BROKER_URL: {url}"
        yield url
        return
    from portal.ops.broker import embedded
    from portal.ops.parent_death import tied_to_parent
    from portal.settings.embedded import broker_socket

    folder = Path(settings.STATE_DIR) / "broker"
    shutil.rmtree(folder, ignore_errors=True)
    command = embedded(broker_socket(settings.STATE_DIR), folder)
    process = subprocess.Popen(tied_to_parent(command, signal.SIGKILL), stdout=subprocess.DEVNULL)
    wait_until(lambda: _answers(url), 15, "the embedded broker answers")
    yield url
    process.terminate()
    process.wait(10)


PATIENCE = 5


def wait_until(so: Callable[[], Any], seconds: float, what: str = "it is so") -> Any:
    """Wait until `so` answers with something true, and return it; fail with `what` when time is up.

    `seconds` is what it may take on a machine with nothing else to do; a busy one gets several times as much. How quick
    things are is measured by `make bench`, never here.
    """
    deadline = time.monotonic() + PATIENCE * seconds
    while not (answer := so()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {PATIENCE * seconds} s: {what}")
        time.sleep(0.05)
    return answer


@pytest.fixture
def child_environment(broker: str, transactional_db: None) -> dict[str, str]:
    """The environment for a process of ours that shall work on the test's own database and broker."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings.test",
        "RODEO_TEST_DATABASE": str(connection.settings_dict["NAME"]),
        "RODEO_TEST_WAKE": "1",
    }


# The browser


def chromium() -> str | None:
    """Return a Chromium to test with: playwright's own (""), else the machine's; None if there is neither.

    The one without windows comes first: it is the same browser and takes two thirds of the time.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        if Path(playwright.chromium.executable_path).exists():
            return ""
    for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return found
    return None


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """How pytest-playwright starts the browser."""
    found = os.environ.get("RODEO_CHROMIUM") or chromium()
    if found is None:
        pytest.skip("no Chromium here: install one, or run `.venv/bin/playwright install chromium`")
    chosen = {**browser_type_launch_args, "args": ["--no-sandbox"] if os.geteuid() == 0 else []}
    return {**chosen, "executable_path": found} if found else chosen


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """How pages are opened: without motion, or colours would be measured halfway between two."""
    return {**browser_context_args, "reduced_motion": "reduce"}


@pytest.fixture
def browser_page(live_server: "LiveServer", page: "Page") -> Iterator["Page"]:
    """A page of a real browser; addresses are those of the portal. Fails on anything the browser complains about."""
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    assert not said, "the browser complained:\n" + "\n".join(said)


@pytest.fixture(scope="session")
def base_url(live_server: "LiveServer") -> str:
    """Where addresses such as "/releases/" begin, in the browser."""
    return str(live_server.url)


@pytest.fixture
def browser_as(browser_page: "Page", base_url: str) -> Callable[["User"], "Page"]:
    """Sign a person in and return their page: `browser_as(ana).goto("/")`."""

    def sign_in(person: "User") -> "Page":
        browser = _signed_in(person)
        cookie = browser.cookies[settings.SESSION_COOKIE_NAME].value
        browser_page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": base_url}])
        return browser_page

    return sign_in


# The long ones first

# What starts processes or browsers takes long, most of all what comes first here.
LONG = ("machine", "processes", "asked_in_process", "up", "bot", "child_environment", "live_server")


def _rank(item: pytest.Item) -> int:
    names = getattr(item, "fixturenames", ())
    return next((rank for rank, name in enumerate(LONG) if name in names), len(LONG))


def _elsewhere(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("only_on")
    return mark is not None and mark.args != (connection.vendor,)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what runs on the other database only; where test processes share the tests, begin with the long ones.

    With a long one that is begun last, all others wait.
    """
    config.hook.pytest_deselected(items=[item for item in items if _elsewhere(item)])
    items[:] = [item for item in items if not _elsewhere(item)]
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_rank)


def pytest_collection_finish() -> None:
    """Leave what was loaded for all tests out of every look for garbage: there is much of it, and none is."""
    gc.collect()
    gc.freeze()


# Nothing is skipped in CI

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
SKIPS = pytest.StashKey[set[str]]()


def _note(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "RODEO_REAL_DATA" not in reason:
            config.stash.setdefault(SKIPS, set()).add(f"{report.nodeid}: {reason}")


class Strict:
    """Fails a run in CI that left a test out, except for the real inputs, which nobody else has."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        _note(self.config, report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        _note(self.config, report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.config.stash.get(SKIPS, set()) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if skips := self.config.stash.get(SKIPS, set()):
            terminalreporter.section("skipped, and in CI nothing may be", red=True)
            for line in sorted(skips):
                terminalreporter.line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Be strict in CI; let a test use the database beside a browser, whose own loop Django would mistake for async."""
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    if IN_CI:
        config.pluginmanager.register(Strict(config))
