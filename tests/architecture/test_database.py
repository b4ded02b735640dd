"""The database that test processes copy is made anew whenever migrating would make another one."""

from pathlib import Path

from django.apps import apps

from tests.database import digest, sources


def test_a_migration_that_is_new_or_another_one_makes_another_database(tmp_path: Path) -> None:
    first, second = tmp_path / "0001_initial.py", tmp_path / "0002_more.py"
    first.write_text("operations = []")
    once = digest([first])
    assert digest([first]) == once
    second.write_text("")
    assert digest([first, second]) != once
    first.write_text("operations = [1]")
    assert digest([first]) != once
    elsewhere = tmp_path / "squads" / "migrations" / first.name
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_text(first.read_text())
    assert digest([elsewhere]) != digest([first])


def test_the_migrations_of_every_app_are_looked_at_and_what_they_are_made_of() -> None:
    looked_at = set(sources())
    for config in apps.get_app_configs():
        assert set((Path(config.path) / "migrations").glob("*.py")) <= looked_at
    found = {f"{path.parts[-3]}/{path.name}" for path in looked_at}
    assert {"portal/0001_initial.py", "squads/0001_initial.py", "releases/0001_initial.py"} <= found
    assert {"auth/0001_initial.py", "account/0001_initial.py", "portal/secrets.py"} <= found
