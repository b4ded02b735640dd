"""The page of mails that aren't sent, sending failed ones again and deleting them."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.kernel import mail as verbs
from portal.kernel.actors import actor_of
from portal.kernel.models import Mail
from portal.kernel.paging import page_of
from portal.kernel.policy import administrators
from portal.kernel.transitions import AlreadyMoved
from portal.mails import queries


@administrators
@require_safe
def mail_list(request: HttpRequest) -> HttpResponse:
    """Every mail that isn't sent, with its error."""
    page = page_of(request, queries.unsent_mails())
    rows = [queries.row_of(each) for each in page]
    context = {
        "page": page,
        "rows": rows,
        "any_failed": Mail.objects.failed().exists(),
        "mails": settings.RODEO_MAIL,
        "retry_for": settings.RODEO_OUTBOX_RETRY_FOR,
    }
    return render(request, "portal/mails/list.html", context)


@administrators
@require_POST
def resend(request: HttpRequest, pk: int) -> HttpResponse:
    """Have one failed mail sent again."""
    mail = get_object_or_404(Mail, pk=pk)
    try:
        verbs.resend(mail, by=actor_of(request))
    except AlreadyMoved as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, f"Sending mail #{pk} again.")
    return redirect("mails:list")


@administrators
@require_POST
def resend_all(request: HttpRequest) -> HttpResponse:
    """Have every failed mail sent again."""
    count = verbs.resend_all(by=actor_of(request))
    if count:
        messages.success(request, f"Sending {count} mail{'' if count == 1 else 's'} again.")
    else:
        messages.warning(request, "No failed mails left. Someone else may have sent them again.")
    return redirect("mails:list")


@administrators
@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a failed mail that nobody needs any more."""
    mail = get_object_or_404(Mail, pk=pk)
    try:
        verbs.discard(mail, by=actor_of(request))
    except AlreadyMoved as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, f"Deleted mail #{pk}.")
    return redirect("mails:list")
