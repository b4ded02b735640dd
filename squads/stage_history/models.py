"""Every change of stage of every story. Derived: the judge makes the same rows again from the same evidence."""

from django.conf import settings
from django.db import models


class StageChange(models.Model):
    """A story went from one stage to another, at the moment when it was so: by the evidence's own time.

    Its identity rests on the story's primary key, the moment and the stage it came to, so it survives a story's move to
    another squad, where the key changes; and evidence that comes late and inserts a change before this one leaves it be.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    # The constraint below is the index.
    story = models.ForeignKey("squads.Story", on_delete=models.CASCADE, related_name="stage_changes", db_index=False)
    from_stage = models.CharField(max_length=12)
    to_stage = models.CharField(max_length=12)
    at = models.DateTimeField()
    why = models.TextField()
    evidence = models.UUIDField(null=True, help_text="the evidence for it, or the evidence that was withdrawn")
    event_id = models.UUIDField(null=True, help_text="the event behind it")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    cause = models.UUIDField(db_index=True, help_text="shared by all stories that moved for the same reason")

    class Meta:
        app_label = "squads"
        ordering = ["at", "id"]
        constraints = [models.UniqueConstraint(fields=["story", "at"], name="stage_change_once")]

    def __str__(self) -> str:
        return f"{self.story_id}: {self.from_stage} → {self.to_stage}"
