"""Who may open a view. Every view carries exactly one of these marks; a test fails on a view without one."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.http import url_has_allowed_host_and_scheme
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
            return _to_sign_in(request)
        raise PermissionDenied(otherwise)

    guarded.policy = policy  # type: ignore[attr-defined]
    return guarded


# Addresses of pages answer programs too; which of both is asked, the request says.
BY_SCRIPT = ["text/html", "application/json"]
SIGNED_OUT = "You’re signed out, so nothing was saved. Sign in, then try again."


def _to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """Lead to sign-in, and from there back to the page. What was sent is lost, and that is said: scripts are told instead."""
    if request.method in SAFE_METHODS:
        return redirect_to_login(request.get_full_path())
    if {"HX-Request", "X-Part"} & request.headers.keys() or request.get_preferred_type(BY_SCRIPT) == BY_SCRIPT[1]:
        return JsonResponse({"message": SIGNED_OUT}, status=401)
    messages.warning(request, SIGNED_OUT, fail_silently=True)
    sent_from = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(sent_from, {request.get_host()})
    return redirect_to_login(urlunsplit(("", "", *urlsplit(sent_from)[2:4], "")) if is_ours else "/")


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


def answers(view: View) -> View:
    """Who answers for the release concerned: its owner, project managers, administrators; the view itself checks that."""
    return _marked(view, "answers", _signed_in, "Sign in first.")


def founders(view: View) -> View:
    """Those who may create squads, by the access rules; the view itself checks that the person is one."""
    return _marked(view, "founders", _signed_in, "Sign in first.")


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


def check_manager(by: Anyone, doing: str) -> None:
    """Refuse everybody but project managers and administrators to do what holds for all squads."""
    if not (by.is_authenticated and (by.is_staff or by.is_project_manager)):
        raise PermissionDenied(f"Only project managers and administrators can {doing}, because it affects all squads.")


class ReadingAllowed(BasePermission):
    """The API's default: reading as `reading` says, writing signed in. Objects are checked by the endpoint."""

    message = "Sign in first."

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return may_read(request.user)
        return bool(request.user and request.user.is_authenticated)
