"""Secrets at rest: encrypted with keys of their own, which can be rotated."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key.encode()) for key in keys])
    except ValueError as error:
        raise ImproperlyConfigured(
            "RODEO_FIELD_KEYS must hold Fernet keys, the newest first (see docs/production.md)."
        ) from error


def box() -> MultiFernet:
    """Return the encryption in use: the first of RODEO_FIELD_KEYS encrypts, all of them decrypt."""
    return _box(tuple(settings.RODEO_FIELD_KEYS))


class SecretField(models.TextField):
    """Text that is encrypted in the database and plain in Python. It is never shown, logged or exported."""

    def get_prep_value(self, value: Any) -> Any:
        return "" if not value else box().encrypt(str(value).encode()).decode()

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> str:
        if not value:
            return ""
        try:
            return box().decrypt(value.encode()).decode()
        except InvalidToken:
            # Fail closed: a secret that cannot be read lets nobody in. /readyz and the source's page say so.
            return ""


def secret_fields() -> Iterator[tuple[type[models.Model], str]]:
    """Name every column that holds secrets."""
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, SecretField):
                yield model, field.name
