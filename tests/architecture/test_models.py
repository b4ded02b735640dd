"""A model that its app's models.py forgets would have its table deleted by the next migration."""

import importlib
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[2]
APPS = ("portal", "squads", "releases")


@pytest.mark.parametrize("app", APPS)
def test_every_models_module_is_listed_by_its_app(app: str) -> None:
    registry = importlib.import_module(f"{app}.models")
    for path in sorted((ROOT / app).glob("*/models.py")):
        module = importlib.import_module(f"{app}.{path.parent.name}.models")
        for model in apps.get_app_config(app).get_models():
            if model.__module__ == module.__name__:
                assert getattr(registry, model.__name__, None) is model, f"{app}/models.py must list {model.__name__}"
                assert model.__name__ in registry.__all__


@pytest.mark.parametrize("app", APPS)
def test_no_models_module_was_forgotten(app: str) -> None:
    text = (ROOT / app / "models.py").read_text()
    for path in sorted((ROOT / app).glob("*/models.py")):
        assert f"from {app}.{path.parent.name}.models import" in text


@pytest.mark.django_db
def test_the_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)


def test_every_migration_has_a_name_that_says_what_it_does() -> None:
    names = [path.stem for app in APPS for path in (ROOT / app / "migrations").glob("0*.py")]
    assert [name for name in names if "_auto_" in name] == []
