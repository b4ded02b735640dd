"""What people say about a story, and who wants to hear of it.

Stands below stories, which shows it: the story is declared by name.
"""

from django.conf import settings
from django.db import models


class Comment(models.Model):
    """Something a person said about a story, in Markdown. One taken back keeps its place, without its words."""

    story = models.ForeignKey("squads.Story", on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="comments")
    body = models.TextField()
    created_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "squads"
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["story", "created_at"], name="comment_story")]

    def __str__(self) -> str:
        return f"comment {self.pk} on {self.story_id}"


class Mention(models.Model):
    """A comment names a person (@ana), who has seen it or not."""

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="mentions")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mentions")
    seen_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "squads"
        constraints = [models.UniqueConstraint(fields=["comment", "person"], name="mention_once")]
        indexes = [
            models.Index(fields=["person"], condition=models.Q(seen_at__isnull=True), name="mention_unseen"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} in {self.comment_id}"


class Watch(models.Model):
    """A person wants to hear what happens to a story."""

    story = models.ForeignKey("squads.Story", on_delete=models.CASCADE, related_name="watches")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="watches")
    since = models.DateTimeField()

    class Meta:
        app_label = "squads"
        constraints = [models.UniqueConstraint(fields=["story", "person"], name="watch_once")]

    def __str__(self) -> str:
        return f"{self.person_id} watches {self.story_id}"
