"""Who may open a view. Every view carries exactly one of these marks; a test fails on a view without one."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from portal.kernel.actors import Anyone

View = Callable[..., HttpResponseBase]


def may_read(user: Anyone) -> bool:
    """Reading needs sign-in, unless RODEO_OPEN_READING opens it to all."""
    return bool(user.is_authenticated or settings.RODEO_OPEN_READING)


def _marked(view: View, policy: str, allowed: Callable[[HttpRequest], bool], otherwise: str) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if allowed(request):
            return view(request, *args, **kwargs)
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        raise PermissionDenied(otherwise)

    guarded.policy = policy  # type: ignore[attr-defined]
    return guarded


def public(view: View) -> View:
    """Anyone, signed in or not: sign-in, health, and doors that check a secret of their own."""
    return _marked(view, "public", lambda request: True, "")


def reading(view: View) -> View:
    """Anyone who may read."""
    return _marked(view, "reading", lambda request: may_read(request.user), "Sign in to read this.")


def _signed_in(request: HttpRequest) -> bool:
    return bool(request.user.is_authenticated)


def writing(view: View) -> View:
    """Anyone signed in, for what is theirs alone: their tokens, their saved views, what they watch."""
    return _marked(view, "writing", _signed_in, "Sign in first.")


def members(view: View) -> View:
    """Members of the squad concerned; the view itself finds the squad, checks `is_writable_by` and names it if refused."""
    return _marked(view, "members", _signed_in, "Sign in first.")


def leads(view: View) -> View:
    """Leads of the squad concerned; the view itself finds the squad, checks `is_led_by` and names it if refused."""
    return _marked(view, "leads", _signed_in, "Sign in first.")


def planners(view: View) -> View:
    """Project managers, and members of any squad; the view itself checks that the person is one."""
    return _marked(view, "planners", _signed_in, "Sign in first.")


def managers(view: View) -> View:
    """Project managers and administrators: what holds for all squads."""
    return _marked(
        view,
        "managers",
        lambda request: bool(
            request.user.is_authenticated and (request.user.is_staff or request.user.is_project_manager)
        ),
        "Only administrators and project managers can do this, because it affects all squads.",
    )


def administrators(view: View) -> View:
    """Staff only: what reaches outside systems or the machine."""
    return _marked(
        view,
        "administrators",
        lambda request: bool(request.user.is_authenticated and request.user.is_staff),
        "Only administrators can do this.",
    )


def check_administrator(by: Anyone | None, doing: str) -> None:
    """Refuse everybody but administrators, and commands on the machine itself (None), to do what reaches other systems."""
    if by is not None and not by.is_staff:
        raise PermissionDenied(f"Only administrators can {doing}.")


class ReadingAllowed(BasePermission):
    """The API's default: reading as `reading` says, writing signed in. Objects are checked by the endpoint."""

    message = "Sign in first."

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return may_read(request.user)
        return bool(request.user and request.user.is_authenticated)
