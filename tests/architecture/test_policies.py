"""Every address says who may open it. A view without a mark fails here, before anybody finds it open."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

POLICIES = {
    "public",
    "reading",
    "writing",
    "members",
    "leads",
    "planners",
    "answers",
    "founders",
    "managers",
    "administrators",
}
# Anyone, signed in or not, may open these and no others. A name added here wants a reason in its docstring.
PUBLIC = {
    "ask",
    "ops:healthz",
    "ops:metrics",
    "ops:readyz",
    "ops:status",
    "releases:inbox:hook",
    "releases:inbox:hook_without_slash",
    # A link to a release has a secret of its own.
    "releases:sharing:shared",
    # And so has the address at which a calendar reads the freezes.
    "releases:release_calendar:feed",
    "releases:freezes:subscribed",
    "squads:retrospective_feeds:feed",
    # Flagger sends the token in the body.
    "releases:deployment_checks:flagger",
    # Signing in, setting a new password, and coming in by invitation: what people do before they are signed in.
    "accounts:login",
    "accounts:logout",
    "admin_login",
    "squads:teams:invitation",
    "account_login",
    "account_logout",
    "account_inactive",
    "account_signup",
    "account_email_verification_sent",
    "account_confirm_email",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "mfa_authenticate",
    "mfa_login_webauthn",
    "openid_connect_login",
    "openid_connect_callback",
    "socialaccount_login_cancelled",
    "socialaccount_login_error",
    "socialaccount_signup",
}


def addresses(
    patterns: list[URLPattern | URLResolver], names: tuple[str, ...] = (), route: str = "/"
) -> Iterator[tuple[str, str, Callable[..., Any]]]:
    for each in patterns:
        here = route + str(each.pattern)
        if isinstance(each, URLResolver):
            if each.app_name == "admin":
                continue  # Django's own: staff only, by AdminSite.has_permission
            inner = (*names, each.namespace) if each.namespace else names
            yield from addresses(each.url_patterns, inner, here)
        else:
            yield here, ":".join((*names, each.name or "")), each.callback


ALL = sorted(addresses(get_resolver().url_patterns), key=lambda each: (each[0], each[1]))


@pytest.mark.parametrize(("route", "name", "view"), ALL, ids=[f"{route} {name}" for route, name, _ in ALL])
def test_the_address_says_who_may_open_it(route: str, name: str, view: Callable[..., Any]) -> None:
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if cls is not None and issubclass(cls, APIView):
        permissions = getattr(view, "initkwargs", {}).get("permission_classes", cls.permission_classes)
        assert permissions, f"{cls.__name__} lets everybody in"
        assert AllowAny not in permissions, f"{cls.__name__} lets everybody in"
        changing = {
            act for method, act in getattr(view, "actions", {}).items() if method in ("post", "patch", "delete")
        }
        for each in sorted(changing):
            mark = getattr(cls, "marks", {}).get(each)
            assert mark in POLICIES | {"reports"}, f'say who may: {cls.__name__}.marks = {{"{each}": "members", ...}}'
        return
    policy = getattr(view, "policy", None)
    assert policy in POLICIES, f"mark {view.__module__}.{view.__name__} with one of portal.kernel.policy"
    if policy == "public":
        assert name in PUBLIC, f"{name} is open to everybody"


def test_there_are_addresses_to_look_at() -> None:
    assert len(ALL) > 2
