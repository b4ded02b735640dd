"""Addresses of other systems that are asked whether a release may go out, and what they said."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from portal.kernel import clock
from portal.kernel.secrets import SecretField
from releases.planning.models import Release


class OutsideCheck(models.Model):
    """An HTTP address that is asked about a release, or about every release of a line (of every line, where `line` is "").

    Yes is an answer of status 200 to 299 and, where `path` is set, whose JSON has `expected` there. `header` with `secret` is
    sent along.
    """

    release = models.ForeignKey(Release, null=True, on_delete=models.CASCADE, related_name="outside_checks")
    line = models.CharField(max_length=120, blank=True)
    name = models.CharField(max_length=80)
    url = models.CharField("address", max_length=1000, help_text="May contain {version}, {line} and {slug}.")
    path = models.CharField("JSON path", max_length=200, blank=True, help_text="Such as result.status.")
    expected = models.CharField("must be", max_length=200, blank=True)
    header = models.CharField("header", max_length=80, blank=True, help_text="Such as Authorization.")
    secret = SecretField(blank=True, default="")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)
    removed_at = models.DateTimeField(null=True, editable=False)
    removed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        app_label = "releases"
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(release=None) | Q(line=""), name="outside_check_of_one"),
            models.UniqueConstraint(
                fields=["line", "name"],
                condition=Q(release=None, removed_at=None),
                name="outside_check_of_line_once",
            ),
            models.UniqueConstraint(
                fields=["release", "name"],
                condition=Q(release__isnull=False, removed_at=None),
                name="outside_check_of_release_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OutsideAnswer(models.Model):
    """What an outside check said about a release. There before it is asked: `wanted_at` is since when it is to be asked.

    `outcome` is success, failure or "" (nobody knows: `detail` says why). `at` is when it was last asked; `since` is since
    when it says the same of the same. `content` is the digest of what the release shipped when it was asked: the answer is about
    that, and says nothing of anything else.
    """

    of = models.ForeignKey(OutsideCheck, on_delete=models.CASCADE, related_name="answers")
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="outside_answers")
    outcome = models.CharField(max_length=10, blank=True, default="")
    detail = models.CharField(max_length=300, blank=True, default="")
    content = models.CharField(max_length=64, blank=True, default="")
    at = models.DateTimeField(null=True)
    since = models.DateTimeField(null=True)
    wanted_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        app_label = "releases"
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["of", "release"], name="outside_answer_once")]
        indexes = [models.Index(fields=["wanted_at"], condition=Q(wanted_at__isnull=False), name="outside_wanted")]

    def __str__(self) -> str:
        return f"{self.of} of {self.release}"
