"""`manage.py backup` and `manage.py restore`: all of it or nothing, whatever happens."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from portal.ops import backup, restore
from portal.ops.start import lock_folder
from tests.database import template_in

ROOT = Path(__file__).resolve().parents[3]
SQLITE, POSTGRES = pytest.mark.only_on("sqlite"), pytest.mark.only_on("postgresql")
Said = Callable[..., str]


@pytest.fixture
def state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Path]:
    """The state folder of a portal of its own, with its keys and, on SQLite, its database; the commands work on it."""
    folder = tmp_path / "state"
    folder.mkdir()
    for name in backup.KEYS:
        shutil.copyfile(settings.STATE_DIR / name, folder / name)
    for module in (backup, restore):
        monkeypatch.setattr(module, "STATE_DIR", folder)
    monkeypatch.setattr("portal.ops.start.STATE_DIR", folder)
    with django_db_blocker.unblock():
        connection.close()
        if connection.vendor == "sqlite":
            shutil.copyfile(template_in(Path(settings.STATE_DIR).parent), folder / "rodeo.sqlite3")
            monkeypatch.setitem(connection.settings_dict, "NAME", str(folder / "rodeo.sqlite3"))
        yield folder
        connection.close()


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Give a command and get what it printed."""

    def run(*words: object) -> str:
        call_command(*map(str, words))
        return capsys.readouterr().out

    return run


def join(name: str) -> None:
    get_user_model().objects.create_user(name)


def people() -> set[str]:
    found = set(get_user_model().objects.values_list("username", flat=True))
    connection.close()
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "running"}


@SQLITE
def test_restoring_brings_back_what_was_there_and_keeps_what_is_there(state: Path, said: Said, tmp_path: Path) -> None:
    join("ana")
    file = tmp_path / "monday.zip"
    assert f"Saved {file} (" in said("backup", file)
    join("bo")
    words = said("restore", file)
    assert people() == {"ana"}
    kept = f"{state}/rodeo.sqlite3.before-restore"
    assert f"What was there before is now {kept}." in words
    with closing(sqlite3.connect(kept)) as former:
        assert {name for (name,) in former.execute("SELECT username FROM portal_user")} == {"ana", "bo"}


@SQLITE
def test_only_its_owner_can_read_a_backup_and_it_says_that_the_keys_are_in_it(
    state: Path, said: Said, tmp_path: Path
) -> None:
    (state / "first_password").write_text("the first password\n")
    words = said("backup")
    file = Path(re.search(r"Saved (\S+)", words)[1])  # type: ignore[index]
    assert file.parent == state / "backups"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "It holds the keys too: whoever has this file can read everything" in words
    with zipfile.ZipFile(file) as archive:
        assert {*backup.KEYS, "first_password"} < set(archive.namelist())


@SQLITE
def test_another_machine_gets_the_database_with_its_keys(state: Path, said: Said, tmp_path: Path) -> None:
    join("ana")
    file = tmp_path / "monday.zip"
    said("backup", file)
    keys = {name: (state / name).read_bytes() for name in backup.KEYS}
    connection.close()
    for path in state.iterdir():
        path.unlink()
    for name in backup.KEYS:
        (state / name).write_text("made when the settings were read for the first time\n")
    assert "before" not in said("restore", file)
    assert people() == {"ana"}
    assert {name: (state / name).read_bytes() for name in backup.KEYS} == keys
    assert {path.stat().st_mode & 0o777 for path in state.iterdir() if path.name in backup.KEYS} == {0o600}


@SQLITE
@SQLITE
def test_no_backup_holds_hidden_cards_or_who_voted_for_what(state: Path, said: Said, tmp_path: Path) -> None:
    with closing(sqlite3.connect(state / "rodeo.sqlite3")) as database:
        database.execute("PRAGMA foreign_keys=OFF")
        database.execute("INSERT INTO squads_hiddencards (session_id, sealed) VALUES (1, 'sealed-cards-of-nobody')")
        database.execute(
            "INSERT INTO squads_ballot (id, session_id, voter, votes) VALUES ('a', 1, 'voter-of-a-ballot', '{}')"
        )
        database.commit()
    said("backup", tmp_path / "rodeo.zip")
    with zipfile.ZipFile(tmp_path / "rodeo.zip") as archive:
        copy = archive.read("rodeo.sqlite3")
    assert b"sealed-cards-of-nobody" not in copy
    assert b"voter-of-a-ballot" not in copy
    with closing(sqlite3.connect(state / "rodeo.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM squads_hiddencards").fetchone() == (1,)


def test_every_table_that_no_backup_holds_is_left_out_of_the_one_by_hand() -> None:
    by_hand = re.findall(r"--exclude-table-data=(\w+)", (ROOT / "docs/production.md").read_text())
    assert sorted(by_hand) == sorted(backup.left_out())


def test_a_running_portal_is_not_restored_over(state: Path, said: Said, tmp_path: Path) -> None:
    file = tmp_path / "monday.zip"
    said("backup", file)
    before = contents(state)
    with lock_folder("http://127.0.0.1:8000/"), pytest.raises(CommandError, match=r"Rodeo is running here\. Stop it"):
        call_command("restore", file)
    assert contents(state) == before


@SQLITE
def test_nor_is_a_database_that_any_process_has_open(state: Path, said: Said, tmp_path: Path) -> None:
    file = tmp_path / "monday.zip"
    said("backup", file)
    connection.close()
    with closing(sqlite3.connect(state / "rodeo.sqlite3")) as other:
        other.execute("SELECT count(*) FROM portal_user").fetchone()
        with pytest.raises(CommandError, match=r"Another process has .* open"):
            call_command("restore", file)
    said("restore", file)


@SQLITE
def test_a_backup_of_a_newer_version_is_refused(state: Path, said: Said, tmp_path: Path) -> None:
    file = tmp_path / "monday.zip"
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('squads', '9999_hats', '2031-01-01')"
        )
    said("backup", file)
    connection.close()
    before = contents(state)
    with pytest.raises(CommandError, match=r"newer Rodeo \(it has squads.9999_hats, .* Nothing was changed"):
        call_command("restore", file)
    assert contents(state) == before


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip(path: Path) -> None:
    text = bytearray(path.read_bytes())
    # More than a bit: where a database holds zeros, a packed file may mean the same after that.
    for place in range(len(text) // 2, len(text) // 2 + 64):
        text[place] ^= 0xFF
    path.write_bytes(text)


def swap_member(path: Path) -> None:
    """A database that isn't the one of the manifest."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["rodeo.sqlite3"] = members["rodeo.sqlite3"][:-4096]
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)


def drop_manifest(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", "{}")


def replace_all(path: Path) -> None:
    path.write_text("words")


@SQLITE
@pytest.mark.parametrize("harm", [cut, flip, swap_member, drop_manifest, replace_all])
def test_a_damaged_backup_is_refused_before_anything_changes(
    state: Path, said: Said, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    file = tmp_path / "monday.zip"
    said("backup", file)
    connection.close()
    harm(file)
    before = contents(state)
    with pytest.raises(CommandError, match=r"isn’t a whole backup .* Nothing was changed"):
        call_command("restore", file)
    assert contents(state) == before


@SQLITE
def test_a_damaged_database_is_not_backed_up_but_can_be_replaced(state: Path, said: Said, tmp_path: Path) -> None:
    join("ana")
    file = tmp_path / "monday.zip"
    said("backup", file)
    connection.close()
    database = state / "rodeo.sqlite3"
    text = bytearray(database.read_bytes())
    text[4096:-4096] = bytes(len(text) - 8192)
    database.write_bytes(text)
    (state / "rodeo.sqlite3-wal").write_bytes(b"what a crash left")
    with pytest.raises(CommandError, match=r"The database .* is damaged .* Restore the last good backup"):
        call_command("backup", tmp_path / "tuesday.zip")
    assert not (tmp_path / "tuesday.zip").exists()
    said("restore", file)
    assert people() == {"ana"}
    assert (state / "rodeo.sqlite3.before-restore").read_bytes() == text


@SQLITE
def test_restoring_twice_loses_nothing_of_the_first_time(state: Path, said: Said, tmp_path: Path) -> None:
    said("backup", tmp_path / "wrong.zip")
    join("ana")
    said("restore", tmp_path / "wrong.zip")
    join("bo")
    assert "rodeo.sqlite3.before-restore-2." in said("restore", tmp_path / "wrong.zip")
    assert people() == set()
    with closing(sqlite3.connect(state / "rodeo.sqlite3.before-restore")) as first:
        assert first.execute("SELECT username FROM portal_user").fetchall() == [("ana",)]


@SQLITE
def test_no_backup_is_overwritten_and_what_cannot_be_written_is_said(state: Path, tmp_path: Path) -> None:
    (tmp_path / "monday.zip").write_text("mine")
    with pytest.raises(CommandError, match="exists already"):
        call_command("backup", tmp_path / "monday.zip")
    with pytest.raises(CommandError, match=r"can’t be written .* There is no new backup"):
        call_command("backup", tmp_path / "monday.zip" / "tuesday.zip")
    assert (tmp_path / "monday.zip").read_text() == "mine"


@SQLITE
def test_keys_of_the_environment_stay_there(state: Path, said: Said, tmp_path: Path, settings: Settings) -> None:
    settings.RODEO_FIELD_KEYS = [Fernet.generate_key().decode()]
    file = tmp_path / "monday.zip"
    assert "RODEO_FIELD_KEYS are not in it" in said("backup", file)
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["manifest.json", "rodeo.sqlite3"]
    assert "RODEO_FIELD_KEYS" not in said("restore", file)
    settings.RODEO_FIELD_KEYS = [Fernet.generate_key().decode()]
    assert "RODEO_FIELD_KEYS doesn’t have the key of this backup" in said("restore", file)


@SQLITE
@pytest.mark.skipif("not sys.platform.startswith('linux')", reason="forks a process that has loaded the portal")
def test_killed_at_any_moment_there_is_the_old_or_the_new_and_never_a_part(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    ours = ("RODEO_", "DATABASE_URL", "BROKER_URL", "PYTEST_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {"RODEO_STATE_DIR": str(tmp_path / "state"), "DJANGO_SETTINGS_MODULE": "portal.settings.local"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.portal.ops.killed"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    counted = json.loads(done.stdout)
    # Both ends were seen, often: otherwise it proved nothing.
    assert counted["restore"]["undone"] >= 10
    assert counted["restore"]["done"] >= 10
    assert 0 < counted["backup"]["whole"] < counted["backup"]["kills"]


# PostgreSQL


@pytest.fixture
def server(state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Give the name of a database to have the commands work on it: a new one, empty unless it is called "full"."""
    made = []

    def use(kind: str) -> None:
        connection.close()
        name = f"backup_{kind}_{os.getpid()}"
        if name not in made:
            made.append(name)
            template = "test_rodeo_migrated" if kind == "full" else "template1"
            with connection._nodb_cursor() as cursor:
                cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        monkeypatch.setitem(connection.settings_dict, "NAME", name)

    yield use
    connection.close()
    with connection._nodb_cursor() as cursor:
        for name in made:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@POSTGRES
def test_postgresql_is_restored_into_an_empty_database(
    server: Callable[[str], None], state: Path, said: Said, tmp_path: Path
) -> None:
    server("full")
    join("ana")
    file = tmp_path / "monday.zip"
    said("backup", file)
    with pytest.raises(CommandError, match=r"isn’t empty\. .*docs/production\.md.* Nothing was changed"):
        call_command("restore", file)
    server("empty")
    said("restore", file)
    assert people() == {"ana"}
    call_command("migrate", "--check", verbosity=0)


@POSTGRES
def test_a_password_is_in_no_list_of_processes(
    server: Callable[[str], None], state: Path, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server("full")
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "hush-hush")
    for program in ("pg_dump", "pg_restore"):
        shim = tmp_path / "bin" / program
        shim.parent.mkdir(exist_ok=True)
        real = shutil.which(program)
        shim.write_text(f'#!/bin/sh\necho "$0 $* [$PGPASSWORD]" >>{tmp_path}/seen\nexec {real} "$@"\n')
        shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=os.pathsep)
    said("backup", tmp_path / "monday.zip")
    server("empty")
    said("restore", tmp_path / "monday.zip")
    seen = (tmp_path / "seen").read_text().splitlines()
    assert [Path(line.split()[0]).name for line in seen] == ["pg_dump", "pg_restore"]
    assert all(line.count("hush-hush") == 1 and line.endswith("[hush-hush]") for line in seen)


@POSTGRES
def test_postgresql_that_does_not_answer_is_said(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "NAME", "nowhere")
    with pytest.raises(CommandError, match=r"nowhere"):
        call_command("backup", tmp_path / "monday.zip")
    assert list(tmp_path.glob("monday*")) == []
