"""Who acts. Every verb is told by whom it is done; it never looks for that itself.

The types are declared here, below everything, and only for the type checker: accounts stand above the kernel.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

from django.core.exceptions import PermissionDenied

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.http import HttpRequest
    from rest_framework.request import Request

    from portal.accounts.models import User

    # Somebody with an account: a person, or the programs of a squad, which have one together. Verbs need of them who they
    # are (pk, username, name) and what they may (is_staff, is_project_manager, program_of_id). `Actor | None` in a
    # signature says that the machine itself may do it too: commands, tasks, what follows from events.
    Actor: TypeAlias = User
    # Whoever asks, signed in or not.
    Anyone: TypeAlias = User | AnonymousUser
else:
    Actor = Anyone = Any


def actor_of(request: "HttpRequest | Request") -> Actor:
    """Return who acts by a request. Nobody acts without signing in."""
    if not request.user.is_authenticated:
        raise PermissionDenied("Sign in first.")
    return request.user
