"""People come in, prove who they are, and let programs in: in a real browser, against a real provider and mail server."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email import message_from_bytes
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from axe_playwright_python.sync_playwright import Axe
from oidc_provider_mock import User as Known
from oidc_provider_mock import run_server_in_thread
from playwright.sync_api import Page, expect

from portal.accounts.actions import make_token
from portal.accounts.models import User
from portal.settings.people import oidc
from squads.models import Membership, Squad
from squads.teams.invitations import invite
from tests.conftest import posted
from tests.journeys.axe import RULES
from tests.journeys.keys import tab_to

pytestmark = pytest.mark.django_db(transaction=True)
BrowserAs = Callable[[User], Page]


def problems(page: Page) -> list[str]:
    return [
        f"{page.url}: {each['id']}: {node['html'][:160]}"
        for each in Axe().run(page, options=RULES).response["violations"]
        for node in each["nodes"]
    ]


def one_step(page: Page, name: str, password: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("User name or e-mail").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page, name: str) -> None:
    """Leave, by the menu under one's name."""
    page.get_by_role("button", name=name, exact=True).click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in", exact=True)).to_be_visible()


def still_me(page: Page, password: str) -> None:
    """Say once more who one is, which comes before everything that protects the account."""
    expect(page.get_by_role("heading", name="Confirm it’s you")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Continue").click()


# The company's own sign-in


@pytest.fixture
def provider(settings: Any) -> Iterator[str]:
    """A provider of OpenID Connect that knows Dora, whose address it has confirmed, and Mallory, whose it has not."""
    people = [
        Known(sub="dora", claims={"email": "dora@example.org", "email_verified": True, "name": "Dora Lange"}),
        Known(sub="ana", claims={"email": "ana@example.org", "email_verified": True, "name": "Ana"}),
        Known(sub="mallory", claims={"email": "ana@example.org", "email_verified": False, "name": "Mallory"}),
        Known(sub="stranger", claims={"email": "x@elsewhere.example", "email_verified": True, "name": "X"}),
    ]
    with run_server_in_thread(user_claims=people) as server:
        url = f"http://localhost:{server.server_port}"
        settings.SOCIALACCOUNT_PROVIDERS = oidc(url, "rodeo", "secret", "Example Login")
        yield url


def by_provider(page: Page, provider: str, who: str) -> None:
    """Go through the provider's own page, whose style sheet from elsewhere is not needed."""
    page.route(lambda url: "localhost" not in url, lambda route: route.fulfill(body="", content_type="text/css"))
    page.goto("/accounts/login/")
    page.get_by_role("link", name="Sign in with Example Login").click()
    expect(page).to_have_url(re.compile(re.escape(provider)))
    page.get_by_role("button", name=who, exact=True).click()


def test_a_new_person_comes_in_by_the_companys_own_sign_in(browser_page: Page, provider: str, db: None) -> None:
    by_provider(browser_page, provider, "dora")
    expect(browser_page.get_by_role("button", name="Dora Lange")).to_be_visible()
    dora = User.objects.get(email="dora@example.org")
    assert (dora.get_full_name(), dora.is_staff, dora.has_usable_password()) == ("Dora Lange", False, False)
    sign_out(browser_page, "Dora Lange")
    by_provider(browser_page, provider, "dora")
    expect(browser_page.get_by_role("button", name="Dora Lange")).to_be_visible()
    assert User.objects.count() == 1, "coming again makes nobody new"


def test_the_companys_own_sign_in_with_the_keyboard_alone(browser_page: Page, provider: str, ana: User) -> None:
    page = browser_page
    page.route(lambda url: "localhost" not in url, lambda route: route.fulfill(body="", content_type="text/css"))
    page.goto("/accounts/login/")
    tab_to(page.get_by_role("link", name="Sign in with Example Login"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(re.escape(provider)))
    tab_to(page.get_by_role("button", name="ana", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Ana", exact=True)).to_be_visible()
    tab_to(page.get_by_role("button", name="Ana", exact=True))
    page.keyboard.press("Enter")
    tab_to(page.get_by_role("button", name="Sign out"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Sign in", exact=True)).to_be_visible()


def test_the_provider_may_vouch_for_somebody_who_has_an_account(browser_page: Page, provider: str, ana: User) -> None:
    by_provider(browser_page, provider, "ana")
    expect(browser_page).to_have_url(re.compile(r"/$"))
    expect(browser_page.get_by_role("button", name="Ana", exact=True)).to_be_visible()
    assert User.objects.count() == 1


def test_an_address_that_the_provider_has_not_confirmed_opens_nobodys_account(
    browser_page: Page, provider: str, ana: User
) -> None:
    by_provider(browser_page, provider, "mallory")
    browser_page.wait_for_load_state()
    browser_page.goto("/account/")
    expect(browser_page).to_have_url(re.compile(r"/accounts/login/"))
    assert not ana.socialaccount_set.exists()


def test_only_the_companys_domains_may_come_in(
    page: Page, base_url: str, provider: str, settings: Any, db: None
) -> None:
    settings.RODEO_OIDC_DOMAINS = ["example.org"]
    by_provider(page, provider, "stranger")
    expect(page.get_by_text("Sign in with a confirmed address at example.org")).to_be_visible()
    assert not User.objects.exists()


# Invitations


def test_an_invited_person_comes_in_and_is_in_the_squad(
    browser_as: BrowserAs, base_url: str, lea: User, payments: Squad, settings: Any
) -> None:
    settings.RODEO_BASE_URL = base_url
    page = browser_as(lea)
    page.goto("/squads/payments/")
    page.get_by_role("link", name="Manage people").click()
    page.get_by_role("textbox", name="E-mail").fill("nia@example.org")
    page.get_by_role("button", name="Invite").click()
    link = page.locator("#link").inner_text().strip()
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("nia@example.org")).to_be_visible()
    page.context.clear_cookies()

    page.goto(link)
    expect(page.get_by_role("heading", name="Join Payments")).to_be_visible()
    page.get_by_label("First name").press_sequentially("Nia")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("nia")
    page.keyboard.press("Tab")
    page.keyboard.type("a long pass phrase")
    page.keyboard.press("Enter")
    expect(page.get_by_text("You’re now in Payments.")).to_be_visible()
    nia = User.objects.get(username="nia")
    assert (nia.email, nia.memberships.get().role) == ("nia@example.org", "member")
    page.context.clear_cookies()
    answer = page.request.get(link)
    assert answer.status == 404
    assert "This link no longer works" in answer.text()


def test_inviting_somebody_and_withdrawing_it_with_the_keyboard_alone(
    browser_as: BrowserAs, base_url: str, lea: User, payments: Squad, settings: Any
) -> None:
    settings.RODEO_BASE_URL = base_url
    page = browser_as(lea)
    page.goto("/squads/payments/")
    tab_to(page.get_by_role("link", name="Manage people"))
    page.keyboard.press("Enter")
    tab_to(page.get_by_role("textbox", name="E-mail"))
    page.keyboard.type("nia@example.org")
    page.keyboard.press("Enter")
    link = page.locator("#link").inner_text().strip()
    tab_to(page.get_by_role("link", name="Done"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("nia@example.org")).to_be_visible()
    tab_to(page.get_by_role("button", name="Withdraw"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Invitation for nia@example.org withdrawn.")).to_be_visible()
    assert page.request.get(link).status == 404


def test_somebody_signed_in_joins_with_one_button(browser_as: BrowserAs, lea: User, bo: User, payments: Squad) -> None:
    _, secret = invite(by=lea, email="bo@example.org", squad=payments, role="lead")
    page = browser_as(bo)
    page.goto(f"/invitations/{secret}/")
    page.get_by_role("button", name="Accept as Bo").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("You’re now in Payments.")).to_be_visible()
    assert Membership.objects.get(squad=payments, user=bo).role == "lead"


# Mail


class Sink:
    """Keeps the mail it is given."""

    def __init__(self) -> None:
        self.mails: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content)
        payload = mail.get_payload(decode=True)
        assert isinstance(payload, bytes)
        self.mails.append(f"To: {mail['To']}\n{mail['Subject']}\n\n{payload.decode()}")
        return "250 kept"


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Sink]:
    """A mail server, and a portal that is set up to use it."""
    sink = Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=0)
    # The controller looks at its own port by connecting to it; the system chooses one first.
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        controller.port = probe.getsockname()[1]
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    settings.RODEO_MAIL = True
    yield sink
    controller.stop()


def test_a_forgotten_password_is_set_anew_by_mail(browser_page: Page, mailbox: Sink, ana: User) -> None:
    page = browser_page
    page.goto("/accounts/login/")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail").fill("ana@example.org")
    page.get_by_role("button", name="Send link").click()
    expect(page.get_by_role("heading", name="Check your e-mail")).to_be_visible()
    posted()
    assert len(mailbox.mails) == 1
    assert "To: ana@example.org" in mailbox.mails[0]
    link = re.search(r"http://\S+/accounts/password/reset/key/\S+", mailbox.mails[0])
    assert link is not None
    page.goto(link[0])
    page.get_by_label("New password", exact=True).fill("another pass phrase")
    page.get_by_label("Repeat new password").fill("another pass phrase")
    page.get_by_role("button", name="Set password").click()
    expect(page.get_by_role("heading", name="Password changed")).to_be_visible()
    one_step(page, "ana@example.org", "another pass phrase")
    expect(page.get_by_role("button", name="Ana", exact=True)).to_be_visible()
    posted()
    assert "If this wasn’t you" in mailbox.mails[1], "and the person is told"


def test_nobody_learns_who_has_an_account(browser_page: Page, mailbox: Sink, db: None) -> None:
    browser_page.goto("/accounts/password/reset/")
    browser_page.get_by_label("E-mail").fill("nobody@example.org")
    browser_page.get_by_role("button", name="Send link").click()
    expect(browser_page.get_by_role("heading", name="Check your e-mail")).to_be_visible()
    posted()
    assert mailbox.mails == []


def test_an_invitation_is_mailed(browser_as: BrowserAs, mailbox: Sink, lea: User, payments: Squad) -> None:
    page = browser_as(lea)
    page.goto("/squads/payments/people/")
    page.get_by_role("textbox", name="E-mail").fill("nia@example.org")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_text("We’re e-mailing the link.")).to_be_visible()
    link = page.locator("#link").inner_text().strip()
    posted()
    assert link in mailbox.mails[0]
    assert "Lea invites you to Rodeo, as member of Payments." in mailbox.mails[0].replace("\n", " ")


# Second factor, passkeys


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def test_an_app_is_set_up_and_asked_for(browser_page: Page, ana: User) -> None:
    page = browser_page
    one_step(page, "ana", "ana-password")
    page.get_by_role("button", name="Ana", exact=True).click()
    page.get_by_role("link", name="Your account").click()
    page.get_by_role("link", name="Change two-step sign-in").click()
    page.get_by_role("link", name="Set up").click()
    still_me(page, "ana-password")
    expect(page.get_by_role("img", name="QR code of the secret below")).to_be_visible()
    secret = page.locator("p code").inner_text()
    page.get_by_label("code").fill(code_of(secret))
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    codes = page.locator(".codes code").all_inner_texts()
    assert len(codes) == 10
    stored = json.dumps(list(ana.authenticator_set.values_list("data", flat=True)))
    assert secret not in stored, "kept encrypted"
    sign_out(page, "Ana")

    one_step(page, "ana", "ana-password")
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    page.goto("/account/")
    expect(page).to_have_url(re.compile("/accounts/2fa/authenticate/"))
    page.get_by_label("code").fill("000000")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("Wrong or expired code.")).to_be_visible()
    page.get_by_label("code").fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("button", name="Ana", exact=True)).to_be_visible()


def test_a_passkey_is_made_and_signs_in(browser_page: Page, ana: User) -> None:
    page = browser_page
    chrome = page.context.new_cdp_session(page)
    chrome.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    chrome.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    one_step(page, "ana", "ana-password")
    page.goto("/accounts/2fa/passkeys/")
    page.get_by_role("link", name="Add a passkey").click()
    still_me(page, "ana-password")
    expect(page.get_by_label("Name")).to_have_value("Passkey")
    page.get_by_label("Name").fill("Laptop")
    expect(page.get_by_label("Sign in without a password")).to_be_checked()
    page.get_by_role("button", name="Add passkey").click()
    page.wait_for_url(re.compile(r"/accounts/2fa/(passkeys|recovery-codes)/$"))
    assert ana.authenticator_set.filter(type="webauthn").count() == 1
    sign_out(page, "Ana")
    page.goto("/accounts/login/?next=/squads/")
    page.get_by_role("button", name="Use a passkey").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Ana", exact=True)).to_be_visible()


# Tokens


def told(base_url: str, token: str) -> int:
    asked = urllib.request.Request(f"{base_url}/api/v1/stories/", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_token_is_made_used_and_revoked(browser_as: BrowserAs, base_url: str, ana: User) -> None:
    page = browser_as(ana)
    page.goto("/account/")
    page.get_by_text("New token").first.focus()
    page.keyboard.press("Enter")
    page.locator("#id_name").focus()
    page.keyboard.type("Release notes")
    page.keyboard.press("Enter")
    expect(page.get_by_text("It’s shown only once")).to_be_visible()
    secret = page.locator("#token").inner_text().strip()
    assert told(base_url, secret) == 200
    page.get_by_role("link", name="Done").click()
    assert secret not in page.content()
    expect(page.get_by_role("row", name=re.compile("Release notes"))).to_contain_text("just now")
    page.get_by_role("button", name="Revoke Release notes").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Token Release notes revoked.")).to_be_visible()
    assert told(base_url, secret) == 401


# Everybody can read these pages


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_people_are_readable_for_everybody(
    browser_page: Page, lea: User, root: User, payments: Squad, provider: str, mailbox: Sink, scheme: Any
) -> None:
    make_token(by=lea, name="Mine", scopes=["read"], days=7, user=lea)
    make_token(by=lea, name="CI", scopes=["report"], days=7, squad=payments)
    _, secret = invite(by=lea, email="nia@example.org", squad=payments)
    browser_page.emulate_media(color_scheme=scheme)
    found, wide = [], {}
    outside = ["/accounts/login/", "/accounts/password/reset/", f"/invitations/{secret}/", "/accounts/signup/"]
    inside = [
        "/account/",
        "/accounts/email/",
        "/accounts/password/change/",
        "/accounts/2fa/",
        "/accounts/2fa/app/activate/",
        "/accounts/2fa/passkeys/",
        "/accounts/2fa/passkeys/add/",
        "/accounts/connections/",
        "/squads/payments/people/",
    ]
    for pages, person in ((outside, None), (inside, lea), (["/invitations/"], root)):
        if person is not None:
            browser_page.context.clear_cookies()
            one_step(browser_page, person.username, f"{person.username}-password")
            expect(browser_page.get_by_role("button", name=person.name, exact=True)).to_be_visible()
            browser_page.goto("/accounts/2fa/app/activate/")
            still_me(browser_page, f"{person.username}-password")
        for url in pages:
            browser_page.goto(url)
            expect(browser_page).to_have_url(re.compile(re.escape(url)))
            for each in browser_page.locator("details > summary").all():
                each.click()
            found += problems(browser_page)
            browser_page.set_viewport_size({"width": 390, "height": 900})
            if (width := browser_page.evaluate("document.documentElement.scrollWidth")) > 390:
                wide[url] = width
            browser_page.set_viewport_size({"width": 1280, "height": 900})
    assert found == []
    assert wide == {}
