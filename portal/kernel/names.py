"""Names of things, which are one however they are spelled: Production, production and PRODUCTION.

A row keeps the spelling that came first. What the names have in common stands in a column of its own, so that any database
finds a row by it.
"""

import unicodedata
from collections.abc import Iterable
from typing import Any, ClassVar, Self, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model, covariant=True)
AT_ONCE = 500


def fold_name(name: str) -> str:
    """Return what all spellings of a name have in common: no case, one blank between words, one form of each letter."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


class FoldedNameField(models.CharField):
    """What all spellings of the name in another column (`of`) have in common; it follows that column at every save."""

    def __init__(self, *args: Any, of: str = "name", **options: Any) -> None:
        self.of = of
        super().__init__(*args, **{"max_length": 300, "editable": False, "default": "", "db_index": True, **options})

    def deconstruct(self) -> Any:
        """Return what makes an equal field, for migrations."""
        name, path, arguments, options = super().deconstruct()
        return name, path, arguments, {**options, "of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """Return what is written: the name as it is now, folded."""
        folded = fold_name(getattr(model_instance, self.of))[: self.max_length]
        setattr(model_instance, self.attname, folded)
        return folded


class NamedQuerySet(models.QuerySet[Row]):
    """Rows with a name (`NAME`), what its spellings have in common (`folded`), and the row that they are one with
    (`merged_into`)."""

    NAME: ClassVar[str] = "name"

    def unmerged(self) -> Self:
        """Leave out those that were merged into another."""
        return self.filter(merged_into=None)

    def named(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the row that each of these names means, by the name as it was asked.

        Where two rows are spelled alike, the one spelled exactly so is meant, else the older one. One that was merged into
        another means that.
        """
        wanted = {name: fold_name(name) for name in names}
        folded = sorted({each for each in wanted.values() if each})
        rows: dict[str, list[Any]] = {}
        for start in range(0, len(folded), AT_ONCE):
            found = self.filter(folded__in=folded[start : start + AT_ONCE]).select_related("merged_into")
            for row in found.order_by("pk"):
                rows.setdefault(row.folded, []).append(row)  # type: ignore[attr-defined]
        meant = {}
        for name, each in wanted.items():
            if some := rows.get(each):
                row = next((one for one in some if getattr(one, self.NAME) == name), some[0])
                meant[name] = row.merged_into or row
        return meant

    def find(self, name: str) -> Any | None:
        """Return the row that a name means; None where there is none."""
        return self.named([name]).get(name)
