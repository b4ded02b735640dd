"""What can be found: one row a thing, kept up by the news of it."""

from django.db import models


class SearchEntry(models.Model):
    """The words by which a story, release, squad or environment is found. The engines' own indexes are beside it."""

    kind = models.CharField(max_length=20)
    ref = models.CharField(max_length=64, help_text="its primary key")
    key = models.CharField(max_length=340, blank=True, help_text="its short name: PAY-12, v1.2")
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


class SearchSpelling(models.Model):
    """A word that occurs somewhere, under each spelling that lacks one letter of it, and under its own.

    Two words one typing error apart share such a spelling, so the right word is found by looking up a dozen of them,
    on any database and without comparing it with every other.
    """

    spelling = models.CharField(max_length=24)
    word = models.CharField(max_length=24)

    class Meta:
        app_label = "portal"
        constraints = [models.UniqueConstraint(fields=["spelling", "word"], name="search_spelling_once")]

    def __str__(self) -> str:
        return f"{self.spelling} of {self.word}"
