"""Freezes: times in which nothing goes to production, and what was lifted of them."""

import hashlib
import json
import uuid
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from portal.kernel import clock
from portal.kernel.issued_secrets import IssuedSecret
from releases.environments.models import Environment
from releases.freezes.occurrences import Times
from releases.planning.models import Release
from squads.models import Service


def new_uid() -> str:
    """Return a name that calendars know a freeze by, for good."""
    return f"{uuid.uuid4()}@rodeo"


class Freeze(models.Model):
    """A time in which nothing goes to production, once or repeated. Days and times are those of its zone.

    Without times it holds for whole days, the last one included. It covers what is named under lines, services and
    environments: of each kind any, of all kinds together; what names nothing covers everything.
    """

    uid = models.CharField(max_length=255, unique=True, default=new_uid, editable=False)
    name = models.CharField(max_length=120)
    reason = models.TextField(blank=True)
    zone = models.CharField(max_length=64, default="UTC")
    starts_on = models.DateField()
    starts_at = models.TimeField(null=True, blank=True)
    ends_on = models.DateField()
    ends_at = models.TimeField(null=True, blank=True)
    rule = models.CharField(max_length=320, blank=True, help_text="how it repeats, as an iCalendar RRULE")
    holidays = models.CharField(max_length=20, blank=True, help_text="NL or DE-BY: on each public holiday there")
    exceptions = models.JSONField(default=list, blank=True, help_text="days on which it does not begin")
    lines = models.JSONField(default=list, blank=True, help_text="the lines of releases it covers")
    services: "models.ManyToManyField[Service, Any]" = models.ManyToManyField(Service, related_name="+", blank=True)
    environments: "models.ManyToManyField[Environment, Any]" = models.ManyToManyField(
        Environment, related_name="+", blank=True
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    changed_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        app_label = "releases"
        ordering = ["starts_on", "name", "pk"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("releases:freezes:detail", args=[self.pk])

    @property
    def times(self) -> Times:
        """When it holds, as `occurrences` reads it."""
        return Times(
            key=self.pk or 0,
            name=self.name,
            zone=self.zone,
            starts_on=self.starts_on,
            ends_on=self.ends_on,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            rule=self.rule,
            holidays=self.holidays,
            exceptions=frozenset(date.fromisoformat(each) for each in self.exceptions),
        )


def terms_of(freeze: Freeze, services: Iterable[int], environments: Iterable[int]) -> str:
    """Return a digest of when a freeze holds and what it covers: what is lifted is lifted of a freeze as it was."""
    said = [
        freeze.zone,
        str(freeze.starts_on),
        str(freeze.starts_at),
        str(freeze.ends_on),
        str(freeze.ends_at),
        freeze.rule,
        freeze.holidays,
        sorted(freeze.lines),
        sorted(services),
        sorted(environments),
        sorted(freeze.exceptions),
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


class FreezeLift(models.Model):
    """Somebody lifted a freeze, for a reason and until a moment: on one day it begins on, for one release, or both."""

    freeze = models.ForeignKey(Freeze, on_delete=models.CASCADE, related_name="lifts")
    day = models.DateField(null=True, blank=True, help_text="the day on which it begins, in its zone; empty: each")
    release = models.ForeignKey(
        Release, null=True, blank=True, on_delete=models.CASCADE, related_name="+", help_text="empty: all releases"
    )
    reason = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    terms = models.CharField(max_length=64, editable=False)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        app_label = "releases"
        ordering = ["-at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(day__isnull=False) | Q(release__isnull=False), name="freeze_lift_of_something"
            )
        ]

    def __str__(self) -> str:
        return f"{self.freeze} lifted{f' on {self.day}' if self.day else ''}{f' for {self.release}' if self.release else ''}"


class FreezeFeed(IssuedSecret):
    """The address at which a person's calendar reads the freezes. Only the digest of its secret is kept."""

    PREFIX, KIND, AUDITED_AS = "freezes_", "freeze calendar address", "freeze"
    # Calendar programs ask often.
    NOTED_EVERY = timedelta(minutes=10)

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        app_label = "releases"

    def __str__(self) -> str:
        return f"{self.user} ({self.start}…)"

    @property
    def opens(self) -> str:
        """What it opens."""
        return "the calendar of freezes"
