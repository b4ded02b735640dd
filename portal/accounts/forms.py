"""Forms of signing in and of one's own account: allauth's, in our words, and ours."""

from typing import Any

from allauth.account import forms as account
from allauth.mfa.base import forms as mfa
from allauth.mfa.webauthn import forms as webauthn
from django import forms
from django.conf import settings

from portal.accounts import access, actions, queries
from portal.accounts.models import User


def _plain(form: forms.BaseForm) -> None:
    """Take away the placeholders that repeat the labels."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)
        field.help_text = "" if "<" in str(field.help_text) else field.help_text


PASSWORD_HELP = "At least 8 characters, not only digits, and not a common password."


class SignInForm(account.LoginForm):
    """User name or e-mail, and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)
        self.fields["login"].label = "User name or e-mail"
        self.fields["login"].widget.attrs["autofocus"] = True
        self.fields["password"].label = "Password"


class SignUpForm(account.SignupForm):
    """An account for oneself, where RODEO_SIGN_UP opens it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)
        self.fields["email"].label, self.fields["username"].label = "E-mail", "User name"
        self.fields["password1"].help_text = PASSWORD_HELP

    def clean_email(self) -> str:
        """Refuse addresses outside the domains that people may come from."""
        address = str(super().clean_email())
        try:
            access.check_address(address)
        except forms.ValidationError as error:
            raise forms.ValidationError(error.messages) from None
        return address


class ResetForm(account.ResetPasswordForm):
    """Asks for the mail that sets a new password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)
        self.fields["email"].label = "E-mail"

    def clean(self) -> Any:
        """Refuse where the mail could not reach anybody."""
        if not (settings.RODEO_MAIL and settings.RODEO_PASSWORD_SIGN_IN):
            raise forms.ValidationError("E-mail is off. Ask an administrator for a new password.")
        return super().clean()

    def clean_email(self) -> str:
        """Find the accounts that this address opens; one that waits to be confirmed opens none."""
        address = self.cleaned_data["email"]
        self.users = [person for person in queries.holders_of(address) if person.is_active]
        return str(address)


class PasswordLinkForm(account.UserTokenForm):
    """The link that sets a new password. That of a closed account opens nothing."""

    def _get_user(self, uidb36: str) -> User | None:
        person: User | None = super()._get_user(uidb36)
        return person if person is not None and person.is_active else None


class NewPasswordForm(account.ResetPasswordKeyForm):
    """A new password, by the link in the mail."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)
        self.fields["password1"].label, self.fields["password1"].help_text = "New password", PASSWORD_HELP
        self.fields["password2"].label = "Repeat new password"

    def save(self) -> None:
        """Set the password. The link came by mail: an address that nobody had proven is proven by it."""
        super().save()
        self.taken: list[str] = []
        # Without mail, the link came from an administrator and proves nothing of an address.
        if settings.RODEO_MAIL and self.user.email and not queries.is_proven(self.user):
            self.taken = actions.claim(self.user, address=self.user.email, by_mail=True)


class ChangePasswordForm(account.ChangePasswordForm):
    """Another password, for somebody who knows the present one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)
        self.fields["oldpassword"].label = "Current password"
        self.fields["password1"].label, self.fields["password1"].help_text = "New password", PASSWORD_HELP
        self.fields["password2"].label = "Repeat new password"


class SetPasswordForm(account.SetPasswordForm):
    """A first password, for somebody who came without."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)
        self.fields["password1"].label, self.fields["password1"].help_text = "Password", PASSWORD_HELP
        self.fields["password2"].label = "Repeat password"


class AddressForm(account.AddEmailForm):
    """An address to change to, called as everywhere else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)
        self.fields["email"].label = "E-mail"


class ConfirmForm(account.ReauthenticateForm):
    """The password once more, before something that matters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)


class CodeForm(mfa.AuthenticateForm):
    """The second step of signing in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)
        self.fields["code"].widget.attrs["autofocus"] = True


class PasskeyForm(webauthn.AddWebAuthnForm):
    """A new passkey, and whether it is enough alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        alone = self.fields["passwordless"]
        alone.label, alone.initial = "Sign in without a password", True
        alone.help_text = (
            "Your device asks for your fingerprint, face or PIN. When off, you use it after your password."
        )


class NameForm(forms.ModelForm):
    """How pages call a person."""

    class Meta:
        model = User
        fields = ["first_name", "last_name"]


class TokenForm(forms.Form):
    """A new API token."""

    name = forms.CharField(max_length=80, help_text="What it’s for, such as “Release notes script”.")
    scopes = forms.MultipleChoiceField(
        label="Access",
        choices=list(actions.SCOPES.items()),
        widget=forms.CheckboxSelectMultiple,
        initial=["read"],
        error_messages={"required": "Choose at least one."},
    )
    days = forms.TypedChoiceField(
        label="Expires in",
        choices=list(actions.LIFETIMES.items()),
        coerce=int,
        initial=90,
        error_messages={"required": "Choose when it expires."},
    )

    def __init__(self, *args: Any, scopes: tuple[str, ...] = ("read", "write"), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scopes"].choices = [(scope, actions.SCOPES[scope]) for scope in scopes]  # type: ignore[attr-defined]
