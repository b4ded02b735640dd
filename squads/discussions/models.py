"""Comments on stories, mentions in them, and watchers.

Packages import only downwards, and stories lie above this one: the story is declared by name.
"""

from django.conf import settings
from django.db import models


class Comment(models.Model):
    """A person's comment on a story, in Markdown. A removed one keeps its place, without its text."""

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
    """A person named in a comment (@ana), who has seen it or not."""

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
    """A person who is told what happens to a story."""

    story = models.ForeignKey("squads.Story", on_delete=models.CASCADE, related_name="watches")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="watches")
    since = models.DateTimeField()

    class Meta:
        app_label = "squads"
        constraints = [models.UniqueConstraint(fields=["story", "person"], name="watch_once")]

    def __str__(self) -> str:
        return f"{self.person_id} watches {self.story_id}"
