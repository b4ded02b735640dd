"""Two sets of addresses: ours under `account:` and `accounts:`, and allauth's own names, which its code looks up."""

from django.urls import path, re_path

from portal.accounts import views

own = [
    path("account/", views.account_page, name="page"),
    path("account/sessions/", views.session_list, name="sessions"),
    path("account/sessions/end/", views.session_end, name="session_end"),
    path("account/sessions/end-others/", views.sessions_end, name="sessions_end"),
    path("account/tokens/", views.token_create, name="token_create"),
    path("account/tokens/<int:pk>/revoke/", views.token_revoke, name="token_revoke"),
]
signing_in = [
    path("login/", views.login, name="login"),
    path("logout/", views.logout, name="logout"),
]
allauth = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.inactive, name="account_inactive"),
    path("signup/", views.signup, name="account_signup"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("email/", views.email, name="account_email"),
    path("confirm-email/", views.email_verification_sent, name="account_email_verification_sent"),
    re_path(r"^confirm-email/(?P<key>[-:\w]+)/$", views.confirm_email, name="account_confirm_email"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/set/", views.password_set, name="account_set_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    path("password/reset/key/done/", views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("2fa/", views.mfa_index, name="mfa_index"),
    path("2fa/authenticate/", views.mfa_authenticate, name="mfa_authenticate"),
    path("2fa/reauthenticate/", views.mfa_reauthenticate, name="mfa_reauthenticate"),
    path("2fa/app/activate/", views.activate_totp, name="mfa_activate_totp"),
    path("2fa/app/deactivate/", views.deactivate_totp, name="mfa_deactivate_totp"),
    path("2fa/recovery-codes/", views.recovery_codes, name="mfa_view_recovery_codes"),
    path("2fa/recovery-codes/new/", views.new_codes, name="mfa_generate_recovery_codes"),
    path("2fa/recovery-codes/download/", views.download_codes, name="mfa_download_recovery_codes"),
    path("2fa/passkeys/", views.passkeys, name="mfa_list_webauthn"),
    path("2fa/passkeys/add/", views.add_passkey, name="mfa_add_webauthn"),
    path("2fa/passkeys/reauthenticate/", views.reauthenticate_passkey, name="mfa_reauthenticate_webauthn"),
    path("2fa/passkeys/<int:pk>/edit/", views.edit_passkey, name="mfa_edit_webauthn"),
    path("2fa/passkeys/<int:pk>/remove/", views.remove_passkey, name="mfa_remove_webauthn"),
    path("2fa/passkeys/login/", views.login_webauthn, name="mfa_login_webauthn"),
    path("connections/", views.connections, name="socialaccount_connections"),
    path("connections/cancelled/", views.social_cancelled, name="socialaccount_login_cancelled"),
    path("connections/error/", views.social_error, name="socialaccount_login_error"),
    path("connections/signup/", views.social_signup, name="socialaccount_signup"),
    path("<slug:provider_id>/login/", views.openid_login, name="openid_connect_login"),
    path("<slug:provider_id>/login/callback/", views.openid_callback, name="openid_connect_callback"),
]
