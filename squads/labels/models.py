"""Labels, by which a squad sorts its stories."""

from django.db import models

from portal.kernel.names import FoldedNameField
from squads.teams.models import Squad

LONGEST_NAME = 40


class Label(models.Model):
    """A word by which a squad sorts its stories. It is one label however it is spelled, and stays the same when it is renamed."""

    squad = models.ForeignKey(Squad, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(max_length=LONGEST_NAME)
    folded = FoldedNameField(of="name")

    class Meta:
        app_label = "squads"
        ordering = ["folded"]
        constraints = [models.UniqueConstraint(fields=["squad", "folded"], name="label_once")]

    def __str__(self) -> str:
        return self.name
