"""The people of the portal, how they are invited, and the tokens that programs use in their place."""

import hashlib
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models, transaction

from portal.accounts.browsers import described
from portal.accounts.events import PersonSaved
from portal.kernel import clock
from portal.kernel.outbox import publish

READER, MANAGER, ADMINISTRATOR = "reader", "project_manager", "administrator"
ROLES = {READER: "reader", MANAGER: "project manager", ADMINISTRATOR: "administrator"}
ROLE_CHOICES = list(ROLES.items())
# What of an account says who it is.
NAMES = frozenset({"first_name", "last_name", "username", "email"})
# What pages show of an account, and whether they do.
SHOWN = NAMES | {"is_active", "program_of"}


class User(AbstractUser):
    """A person who signs in. Staff are administrators: they may write everywhere and connect sources."""

    is_project_manager = models.BooleanField(
        "project manager", default=False, help_text="Can plan releases and their stories across all squads."
    )
    looked_at = models.DateTimeField(null=True, editable=False, help_text="when they last marked Home as read")
    last_seen_at = models.DateTimeField(null=True, editable=False, help_text="their last page, to ten minutes")
    # Part of what a session must match: another number ends them all (portal/accounts/sessions.py).
    session_epoch = models.PositiveIntegerField(default=0, editable=False)
    first_steps_hidden_at = models.DateTimeField(null=True, editable=False)

    # Declared by name: accounts stands below squads.
    program_of = models.OneToOneField(
        "squads.Squad",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.CASCADE,
        related_name="program",
        help_text="The squad whose API tokens use this account. No one can sign in with it.",
    )

    # The token this request came with, if any; never in the database.
    token: "ApiToken | None" = None

    class Meta(AbstractUser.Meta):
        app_label = "portal"

    @property
    def name(self) -> str:
        """How pages call this person: the full name, else the user name. A squad's token goes by its own name."""
        if self.token is not None and self.program_of_id:
            return f"{self.token.name} (token)"
        return self.get_full_name() or self.username

    @property
    def role(self) -> str:
        """What the person may across squads: one of ROLES."""
        return ADMINISTRATOR if self.is_staff else MANAGER if self.is_project_manager else READER

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Have sessions end with the password, as Django does, and when they are ended all at once."""
        own: str = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]
        # Sessions from before there was an epoch stay good.
        return f"{own}{self.session_epoch}" if self.session_epoch else own

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and keep in mind what the person goes by: a name that was given up still tells who wrote a change."""
        super().save(*args, **kwargs)
        changed = kwargs.get("update_fields")
        if changed is None or not SHOWN.isdisjoint(changed):
            publish(PersonSaved(ids=[self.pk]))
        if changed is None or not NAMES.isdisjoint(changed):
            names = {name.strip() for name in (self.get_full_name(), self.username, self.email) if name.strip()}
            known = [KnownName(user=self, name=name) for name in sorted(names)]
            KnownName.objects.bulk_create(known, ignore_conflicts=True)

    @transaction.atomic
    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the account, and tell. Raises ProtectedError where others built on what the person did."""
        pk = self.pk
        gone = super().delete(*args, **kwargs)
        publish(PersonSaved(ids=[pk]))
        return gone


class KnownName(models.Model):
    """A full name, user name or e-mail address that a person goes by or went by once. None is ever taken away."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="known_names")
    name = models.CharField(max_length=320)

    class Meta:
        app_label = "portal"
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="known_name_once")]

    def __str__(self) -> str:
        return self.name


class Invitation(models.Model):
    """A way in for one person, once, until it expires. Only the digest of its token is kept."""

    email = models.EmailField()
    # Declared by name: accounts stands below squads.
    squad = models.ForeignKey(
        "squads.Squad", null=True, blank=True, on_delete=models.CASCADE, related_name="invitations"
    )
    role = models.CharField(max_length=8, default="member", help_text="member or lead of that squad")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "portal"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"invitation of {self.email}"


class ApiToken(models.Model):
    """What a program signs in with, for a person or a squad. Only its digest is kept; it is shown once."""

    name = models.CharField(max_length=80, help_text="What it is for.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    start = models.CharField(max_length=12, editable=False, help_text="its first characters, to recognise it by")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="api_tokens"
    )
    squad = models.ForeignKey(
        "squads.Squad", null=True, blank=True, on_delete=models.CASCADE, related_name="api_tokens"
    )
    scopes = models.JSONField(default=list, help_text="any of read, report, write")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        app_label = "portal"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=False, squad__isnull=True)
                | models.Q(user__isnull=True, squad__isnull=False),
                name="token_of_one",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.start}…)"

    @property
    def is_open(self) -> bool:
        """Say whether it opens anything still."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > clock.now())


class UserSession(models.Model):
    """A browser in which somebody is signed in. It goes with Django's own row of the session.

    The session is still good while `digest` is that of the account's session hash (see portal.accounts.sessions).
    """

    session = models.OneToOneField(
        "sessions.Session", primary_key=True, on_delete=models.CASCADE, related_name="signed_in"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="browser_sessions")
    digest = models.CharField(max_length=32)
    address = models.CharField(max_length=45, blank=True, help_text="the IP address it was last used from")
    browser = models.CharField(max_length=300, blank=True, help_text="what the browser calls itself")
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        app_label = "portal"
        ordering = ["-seen_at"]

    def __str__(self) -> str:
        return f"session of {self.user}"

    @property
    def public_id(self) -> str:
        """What names the session on pages; its key would open it."""
        return hashlib.sha256(f"session {self.pk}".encode()).hexdigest()[:16]

    @property
    def device(self) -> str:
        """The browser and its system, as people call them."""
        return described(self.browser)


class AccessRules(models.Model):
    """Who may found squads and invite people, and from which mail domains people may come. One row at most."""

    class Founders(models.TextChoices):
        EVERYONE = "everyone", "everyone with an account"
        MANAGERS = "managers", "project managers and administrators"
        ADMINISTRATORS = "administrators", "administrators only"

    class Inviters(models.TextChoices):
        LEADS = "leads", "leads, to their squads, and administrators"
        ADMINISTRATORS = "administrators", "administrators only"

    founders = models.CharField(max_length=14, choices=Founders, default=Founders.MANAGERS)
    inviters = models.CharField(max_length=14, choices=Inviters, default=Inviters.LEADS)
    domains = models.JSONField(default=list, blank=True)
    # Goes up with every change: of two who edit at once, the second is told.
    version = models.PositiveIntegerField(default=0)

    class Meta:
        app_label = "portal"

    def __str__(self) -> str:
        return "access rules"
