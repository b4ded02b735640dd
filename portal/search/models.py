"""What can be found: one row a thing, kept up by the news of it."""

from django.db import models


class SearchEntry(models.Model):
    """The words by which a story, release, squad or environment is found. The engines' own indexes are beside it."""

    kind = models.CharField(max_length=20)
    ref = models.CharField(max_length=64, help_text="its primary key")
    key = models.CharField(max_length=340, blank=True, help_text="what it is called in short: PAY-12, v1.2")
    title = models.CharField(max_length=300)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=400)
    updated_at = models.DateTimeField()

    class Meta:
        app_label = "portal"
        verbose_name_plural = "search entries"
        ordering = ["kind", "key"]
        constraints = [models.UniqueConstraint(fields=["kind", "ref"], name="search_entry_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}".strip()
