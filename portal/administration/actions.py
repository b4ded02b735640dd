"""What administrators do to the portal as a whole."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import transaction

from portal.kernel import audit
from portal.kernel.actors import Actor
from portal.kernel.mail import send_soon
from portal.kernel.models import Mail
from portal.kernel.policy import check_administrator

TEXT = """Hello {name},

this is the test mail you asked for. If you can read it, mail works.

{url}
"""


@transaction.atomic
def send_test_mail(*, by: Actor) -> Mail:
    """Have a mail sent to whoever asks; return its row, which tells what becomes of it."""
    check_administrator(by, "send a test mail")
    if not settings.RODEO_MAIL:
        raise ValidationError("E-mail is off. Set RODEO_EMAIL_URL, restart Rodeo, then try again.")
    if not by.email:
        raise ValidationError("Your account has no e-mail address. Add one under Your account.")
    audit.record(by=by, did="sent a test mail to themselves", kind="mail")
    text = TEXT.format(name=by.name, url=settings.RODEO_BASE_URL)
    return send_soon(EmailMessage("Rodeo: test mail", text, None, [by.email]))
