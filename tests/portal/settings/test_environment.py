"""Variables of the environment: a wrong one stops the start with a sentence, a misspelt one is named, each is documented."""

import ast
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from portal.settings import embedded, environment, values
from portal.settings.environment import OF_THE_TESTS, Environment
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
FIELDS = Environment.model_fields
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
YES_OR_NO = ["ja", "2", "y e s", "none", "ture"]
# What each variable cannot take. Those with none take any text, or any path (what cannot be a folder is seen when it is made).
WRONG: dict[str, list[str]] = {
    "DATABASE_URL": [
        "words",
        "postgress://h/x",
        "postgres://u:p@h:99999/x",
        "postgres://h/",
        "sqlite://",
        "mysql://h/x",
    ],
    "BROKER_URL": ["redis", "amqp://h", "redis://h:99999/0", "redis://h/zero", "redis+socket://", "redis://h:port/0"],
    "RODEO_STATE_DIR": [],
    "RODEO_BASE_URL": ["rodeo.example.org", "ftp://h", "https://", "https://h:99999", "https://h?x", "https://a b"],
    "RODEO_EVENTS_URL": ["events/", "//h/events/", "ws://h/events/", "/a b"],
    "RODEO_EVENTS_CHECK_EVERY": ["often", "0", "-1", "nan", "inf", "86401", "1,5"],
    "RODEO_OPEN_READING": YES_OR_NO,
    "RODEO_PULL_EVERY": ["5 min", "0", "-300", "5.5", "604801", "1e3", "9" * 40],
    "RODEO_PULL_SLICE": ["long", "0", "3601"],
    "RODEO_OUTBOX_RETRY_FOR": ["1d", "59", "2592001"],
    "RODEO_OUTBOX_KEEP_DAYS": ["a week", "0", "3651"],
    "RODEO_GIT_TIMEOUT": ["15m", "0", "86401"],
    "RODEO_GIT_CONTENTS": ["some", "2"],
    "RODEO_INTERNAL_HOSTS": ["https://git.example.org", "git.example.org:443", "10.0.0.0/8", "0x7f.1", "a, b c", ","],
    "RODEO_CA_BUNDLE": ["/nowhere/ca.pem", str(ROOT), str(ROOT / "manage.py")],
    "RODEO_HOOK_MAX_BYTES": ["2MB", "1023", "1073741825"],
    "RODEO_TIME_ZONE": ["CET+1", "europe/berlin", "Berlin"],
    "RODEO_LOG_LEVEL": ["LOUD", "WARN", "10"],
    "RODEO_HOSTS": ["https://rodeo.example.org", "rodeo.example.org:8000", "::1", "a_b", "a.example.org, b/", ","],
    "RODEO_TRUSTED_ORIGINS": ["rodeo.example.org", "https://h/", "https://h/path", "ftp://h", "https://*"],
    "RODEO_PASSWORD_SIGN_IN": YES_OR_NO,
    "RODEO_SIGN_UP": YES_OR_NO,
    "RODEO_OIDC_URL": ["login.example.org", "https://"],
    "RODEO_OIDC_CLIENT_ID": [os.fsdecode(b"\xff")],
    "RODEO_OIDC_SECRET": [os.fsdecode(b"\xff")],
    "RODEO_OIDC_NAME": [os.fsdecode(b"\xff")],
    "RODEO_OIDC_DOMAINS": ["ana@example.org", "https://example.org", "a b"],
    "RODEO_EMAIL_URL": ["mail.example.org", "smtp+ssl://h", "smtps://", "smtp://h:99999"],
    "RODEO_EMAIL_FROM": ["Rodeo", "Rodeo rodeo@example.org", "a@b\nBcc: c@d"],
    "PORT": [],
    "RODEO_SAMPLE": YES_OR_NO,
    "RODEO_DEBUG": YES_OR_NO,
    "RODEO_SECRET_KEY": [os.fsdecode(b"\xff")],
    "RODEO_FIELD_KEYS": ["short", f"{KEY},short", KEY[:-4]],
    "RODEO_TLS": YES_OR_NO,
    "RODEO_BEHIND_PROXY": YES_OR_NO,
    "RODEO_HSTS_SECONDS": ["a year", "-1", "315360001"],
}
RIGHT: list[tuple[str, str, Any]] = [
    (
        "DATABASE_URL",
        "postgres://u:p%2F@h:5432/rodeo?sslmode=require",
        "postgres://u:p%2F@h:5432/rodeo?sslmode=require",
    ),
    ("DATABASE_URL", "postgres:///?service=rodeo", "postgres:///?service=rodeo"),
    ("DATABASE_URL", "sqlite:////srv/rodeo.sqlite3", "sqlite:////srv/rodeo.sqlite3"),
    ("BROKER_URL", "rediss://:$word@h:6379/15?ssl_cert_reqs=none", "rediss://:$word@h:6379/15?ssl_cert_reqs=none"),
    ("BROKER_URL", "redis+socket:///run/r.sock?virtual_host=2", "redis+socket:///run/r.sock?virtual_host=2"),
    ("RODEO_STATE_DIR", "var/second", Path("var/second")),
    ("RODEO_BASE_URL", "https://rodeo.example.org/", "https://rodeo.example.org/"),
    ("RODEO_EVENTS_URL", "http://127.0.0.1:8999/events/", "http://127.0.0.1:8999/events/"),
    ("RODEO_EVENTS_URL", "", ""),
    ("RODEO_EVENTS_CHECK_EVERY", "0.5", 0.5),
    ("RODEO_OPEN_READING", "Yes", True),
    ("RODEO_OPEN_READING", " on ", True),
    ("RODEO_PASSWORD_SIGN_IN", "no", False),
    ("RODEO_PASSWORD_SIGN_IN", "0", False),
    ("RODEO_PULL_EVERY", " 60 ", 60),
    ("RODEO_LOG_LEVEL", "debug", "DEBUG"),
    ("RODEO_TIME_ZONE", "Europe/Amsterdam", "Europe/Amsterdam"),
    ("RODEO_INTERNAL_HOSTS", "Git.Example.org, 10.1.2.3,fd00::1,[fd00::2], bücher.example", 5),
    ("RODEO_HOSTS", "rodeo.example.org, .example.org,*,[::1]", ["rodeo.example.org", ".example.org", "*", "[::1]"]),
    ("RODEO_TRUSTED_ORIGINS", "https://*.example.org,http://[::1]:80", ["https://*.example.org", "http://[::1]:80"]),
    ("RODEO_OIDC_DOMAINS", "@Example.org, b.example", ["example.org", "b.example"]),
    ("RODEO_EMAIL_FROM", "rodeo@localhost", "rodeo@localhost"),
    ("RODEO_SECRET_KEY", "$PATH", "$PATH"),
    ("RODEO_FIELD_KEYS", f"{KEY}, {KEY}", [KEY, KEY]),
    ("RODEO_HSTS_SECONDS", "0", 0),
]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what the test process itself was given."""
    for name in FIELDS:
        monkeypatch.delenv(name, raising=False)


def complaints() -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Environment()
    return environment.complaints(caught.value)


def is_secret(field: FieldInfo) -> bool:
    return any(isinstance(each, values.Secret) for each in field.metadata)


def test_every_variable_is_tried_with_what_it_cannot_take() -> None:
    assert set(WRONG) == set(FIELDS)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_refused_with_its_name_what_it_is_and_what_it_takes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in WRONG[name]:
        monkeypatch.setenv(name, value)
        [sentence] = complaints()
        assert sentence.startswith(f"{name} ") and sentence.endswith(f"; it takes {environment.takes(FIELDS[name])}.")
        assert sentence.isprintable()
        if is_secret(FIELDS[name]):
            assert value not in sentence.replace(environment.takes(FIELDS[name]), "")
            assert "it is not shown" in sentence
        elif value.isprintable():
            assert f"is “{value}”" in sentence


@pytest.mark.parametrize(("name", "value", "read"), RIGHT)
def test_a_right_value_is_read(name: str, value: str, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    found = getattr(Environment(), name)
    assert (len(found) if isinstance(found, list) and isinstance(read, int) else found) == read


def test_the_sentences_read_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RODEO_PULL_EVERY", "5 min")
    monkeypatch.setenv("RODEO_HOSTS", "a.example.org, https://b.example.org")
    monkeypatch.setenv("RODEO_CA_BUNDLE", "/nowhere")
    monkeypatch.setenv("RODEO_TLS", "maybe")
    assert complaints() == [
        "RODEO_PULL_EVERY is “5 min”; it takes a whole number of seconds from 1 to 604800.",
        "RODEO_CA_BUNDLE is “/nowhere”, which can’t be read (No such file or directory); "
        "it takes a file of PEM certificates.",
        "RODEO_HOSTS is “a.example.org, https://b.example.org”, of which “https://b.example.org” isn’t valid; it takes names "
        "without scheme and port, comma-separated, such as rodeo.example.org, .example.org or [::1].",
        "RODEO_TLS is “maybe”; it takes yes or no.",
    ]


def test_what_may_hold_a_password_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgress://rodeo:hunter2@h/x")
    monkeypatch.setenv("RODEO_BASE_URL", "https://rodeo:hunter2@h:99999")
    monkeypatch.setenv("RODEO_OIDC_URL", "rodeo:hunter2@h")
    monkeypatch.setenv("RODEO_FIELD_KEYS", "hunter2")
    assert len(complaints()) == 4
    assert "hunter2" not in str(complaints())
    with pytest.raises(ValidationError) as caught:
        Environment()
    assert "hunter2" not in str(caught.value)
    for name, field in FIELDS.items():
        assert is_secret(field) is not field.repr, f"{name}: a secret has repr=False, and nothing else has"


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    unset = Environment()
    for name in FIELDS:
        monkeypatch.setenv(name, " " if name != "RODEO_EVENTS_URL" else "/events/")
    assert Environment() == unset
    assert (unset.RODEO_PASSWORD_SIGN_IN, unset.RODEO_TLS, unset.RODEO_OPEN_READING) == (True, True, False)


def test_a_provider_without_a_client_signs_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RODEO_OIDC_URL", "https://login.example.org/")
    assert complaints() == ["Set RODEO_OIDC_CLIENT_ID too: RODEO_OIDC_URL alone isn’t enough."]
    monkeypatch.setenv("RODEO_OIDC_CLIENT_ID", "rodeo")
    assert Environment().RODEO_OIDC_URL == "https://login.example.org/"
    monkeypatch.setenv("RODEO_OIDC_URL", "https://login.example.org/.well-known/openid-configuration?appid=1")
    assert Environment().RODEO_OIDC_URL.endswith("?appid=1")


def test_a_state_folder_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SystemExit):
            embedded.state_folder(folder)
        assert f"RODEO_STATE_DIR is “{folder}”, which can’t be created (" in capsys.readouterr().err
    assert embedded.state_folder(tmp_path / "new" / "folder").is_dir()


def test_a_misspelt_variable_is_named_with_the_one_that_was_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    meant = {
        "RODEO_PUL_EVERY": "RODEO_PULL_EVERY",
        "RODEO_EMIAL_URL": "RODEO_EMAIL_URL",
        "RODEO_HOST": "RODEO_HOSTS",
        "RODEO_DATABASE_URL": "DATABASE_URL",
        "rodeo_tls": "RODEO_TLS",
        "RODEO_SOMETHING_ELSE_ENTIRELY": "",
    }
    for name in meant:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("RODEO_TLS", "yes")
    monkeypatch.setenv("RODEO_REAL_DATA", "/real")
    assert environment.unread() == meant
    call_command("check")
    said = capsys.readouterr().err
    assert "RODEO_PUL_EVERY is set but unknown." in said and "Did you mean RODEO_PULL_EVERY?" in said
    assert "RODEO_TLS is set" not in said and "RODEO_REAL_DATA is set" not in said


def process(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    ours = ("RODEO_", "DJANGO_", "DATABASE_URL", "BROKER_URL", "PYTEST_", "PORT")
    given = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_command_says_all_that_is_wrong_and_does_nothing(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    run = process("manage.py", "check", RODEO_STATE_DIR=state, RODEO_PULL_EVERY="5 min", RODEO_OPEN_READING="ja")
    assert run.returncode == environment.EXIT_CODE
    assert run.stderr.splitlines() == [
        "Rodeo can’t start: RODEO_OPEN_READING is “ja”; it takes yes or no.",
        "Rodeo can’t start: RODEO_PULL_EVERY is “5 min”; it takes a whole number of seconds from 1 to 604800.",
    ]
    assert not Path(state).exists()


def test_production_names_all_that_it_misses(tmp_path: Path) -> None:
    given = {"DJANGO_SETTINGS_MODULE": "portal.settings.production", "RODEO_FIELD_KEYS": Fernet.generate_key().decode()}
    run = process("manage.py", "check", RODEO_STATE_DIR=str(tmp_path), **given)
    assert run.returncode == environment.EXIT_CODE
    assert run.stderr.splitlines() == [
        "Rodeo can’t start: production has no default for RODEO_SECRET_KEY, RODEO_HOSTS, DATABASE_URL, BROKER_URL "
        "(docs/production.md shows what to set)."
    ]


def test_gunicorn_says_it_too_and_gives_up(tmp_path: Path) -> None:
    serving = (
        "-m",
        "gunicorn",
        "portal.wsgi",
        "-c",
        "python:portal.ops.gunicorn",
        "--bind",
        f"127.0.0.1:{free_port()}",
    )
    run = process(*serving, RODEO_STATE_DIR=str(tmp_path), RODEO_LOG_LEVEL="loud")
    assert run.returncode == environment.EXIT_CODE
    assert "Rodeo can’t start: RODEO_LOG_LEVEL is “loud”; it takes one of DEBUG, INFO, WARNING" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    "name", ["portal.settings.prodution", "prtal.settings.production", "portal..settings", "..", ".x"]
)
def test_settings_that_are_not_there_are_named(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", name)
    with pytest.raises(SystemExit):
        environment.choose_settings()
    assert f"DJANGO_SETTINGS_MODULE is “{name}”; it takes portal.settings.production" in capsys.readouterr().err


def documented() -> dict[str, tuple[str, str, str]]:
    """Return what docs/configuration.md says: for each variable what it takes, its default and its meaning."""
    found = {}
    for line in (ROOT / "docs/configuration.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `"):
            assert len(cells) == 4 and all(cells), line
            for name in re.findall(r"`(\w+)`", cells[0]):
                assert name not in found, f"{name} is documented twice"
                found[name] = (cells[1].replace("`", ""), cells[2].replace("`", ""), cells[3])
    return found


def test_every_variable_is_documented_as_it_is() -> None:
    rows = documented()
    others = {"PYTHON", "NO_COLOR", "DJANGO_SETTINGS_MODULE", "CI"}
    assert set(rows) == {*FIELDS, *OF_THE_TESTS, *others}
    for name, field in FIELDS.items():
        takes, default, _ = rows[name]
        assert takes == environment.takes(field), name
        if field.default not in ("", None, []):
            plain = {True: "yes", False: "no"}.get(field.default) if field.annotation is bool else str(field.default)
            assert plain is not None and re.match(rf"{re.escape(plain)}(?:$|[;\s])", default), name


def read_names(path: Path) -> set[str]:
    """Return the variables that a module reads from os.environ by name."""
    text = path.read_text()
    if "environ" not in text and "getenv" not in text:
        return set()
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            found |= {each.name for each in node.names} & {"environ", "getenv"}
        if isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "os.environ.get",
            "os.getenv",
            "os.environ.setdefault",
        ):
            found |= {node.args[0].value} if isinstance(node.args[0], ast.Constant) else {"?"}
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            found |= {node.slice.value} if isinstance(node.slice, ast.Constant) else {"?"}
        if isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) == "os.environ":
            found |= {node.left.value} if isinstance(node.left, ast.Constant) else {"?"}
    return found


def test_nothing_else_reads_settings_from_the_environment() -> None:
    apps = [path for app in ("portal", "squads", "releases") for path in (ROOT / app).rglob("*.py")]
    reading = {str(path.relative_to(ROOT)): read_names(path) for path in [ROOT / "manage.py", *apps]}
    assert {path: names for path, names in reading.items() if names and not path.startswith("portal/settings/")} == {
        # What it says to the processes that it starts.
        "portal/ops/start.py": {"RODEO_BASE_URL", "RODEO_EVENTS_URL"},
        "portal/ops/supervisor.py": {"NO_COLOR"},
        # Git's own variables, which it is given as they are.
        "releases/providers/git/client.py": {"?"},
        "releases/providers/git/address_pinning.py": {"GIT_SSL_CAINFO"},
    }


def test_what_the_tests_read_is_known() -> None:
    settings = read_names(ROOT / "portal/settings/test.py")
    found = set().union(settings, *(read_names(path) for path in (ROOT / "tests").rglob("*.py")))
    assert {name for name in found if name.startswith("RODEO_")} - set(FIELDS) == OF_THE_TESTS


def test_what_the_embedded_database_saved_is_on_the_disk(tmp_path: Path) -> None:
    options = embedded.sqlite(tmp_path / "x.sqlite3")["OPTIONS"]
    with closing(sqlite3.connect(tmp_path / "x.sqlite3")) as database:
        database.executescript(options["init_command"])
        assert database.execute("PRAGMA synchronous").fetchone() == (2,)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_secret_that_was_half_written_is_made_anew_and_one_that_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    path.touch()
    first = embedded.kept_secret(path)
    assert len(first) > 50
    assert embedded.kept_secret(path) == first == path.read_text().strip()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["secret_key"], "and nothing is left beside it"


def test_a_secret_that_cannot_be_kept_ends_the_start_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        embedded.required_secret(tmp_path / "file" / "secret_key")
    said = capsys.readouterr().err
    assert "secret_key can’t be kept (Not a directory). Make room, or make its folder writable." in said
