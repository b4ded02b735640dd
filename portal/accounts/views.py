"""Signing in and out, with Django's own accounts."""

from django.contrib.auth import views as django_views
from django.contrib.auth.forms import AuthenticationForm, UsernameField
from django.forms import TextInput
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.debug import sensitive_post_parameters

from portal.kernel.policy import public


class SignInForm(AuthenticationForm):
    """User name and password, with an error that says what to do next."""

    username = UsernameField(label="User name", widget=TextInput(attrs={"autofocus": True}))
    error_messages = {
        "invalid_login": "This user name and password do not belong together. Check both; small and capital letters "
        "count. An administrator can set a new password for you.",
        "inactive": "This account was switched off. An administrator can switch it on again.",
    }


@public
@sensitive_post_parameters("password")
def login(request: HttpRequest) -> HttpResponseBase:
    """Sign in, then go where the person was heading."""
    view = django_views.LoginView.as_view(
        template_name="portal/accounts/login.html", authentication_form=SignInForm, redirect_authenticated_user=True
    )
    return view(request)


@public
def logout(request: HttpRequest) -> HttpResponseBase:
    """Sign out (POST)."""
    return django_views.LogoutView.as_view()(request)
