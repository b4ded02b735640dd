"""Questions about what is in an environment."""

from typing import Self, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model, covariant=True)


class PlacedQuerySet(models.QuerySet[Row]):
    """Questions about rows that have an environment."""

    def in_production(self) -> Self:
        """Those of a production environment."""
        return self.filter(environment__tier="production")

    def before_production(self) -> Self:
        """Those of an environment where things are tried before production."""
        return self.filter(environment__tier__in=("testing", "staging"))
