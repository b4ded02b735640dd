"""The page of dead messages, and having them delivered again."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.dead_messages import queries
from portal.kernel import outbox
from portal.kernel.actors import actor_of
from portal.kernel.models import Message
from portal.kernel.paging import page_of
from portal.kernel.policy import administrators
from portal.kernel.transitions import AlreadyMoved


@administrators
@require_safe
def message_list(request: HttpRequest) -> HttpResponse:
    """Every dead message, with its error."""
    page = page_of(request, queries.dead_messages())
    rows = [queries.row_of(each) for each in page]
    context = {"page": page, "rows": rows, "retry_for": settings.RODEO_OUTBOX_RETRY_FOR}
    return render(request, "portal/dead_messages/list.html", context)


@administrators
@require_POST
def redeliver(request: HttpRequest, pk: int) -> HttpResponse:
    """Have one message delivered again."""
    message = get_object_or_404(Message.objects.only("pk"), pk=pk)
    try:
        outbox.redeliver(message.pk, by=actor_of(request))
    except AlreadyMoved as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, f"Redelivering message #{pk}.")
    return redirect("dead_messages:list")


@administrators
@require_POST
def redeliver_all(request: HttpRequest) -> HttpResponse:
    """Have every dead message delivered again."""
    count = outbox.redeliver_all(by=actor_of(request))
    if count:
        messages.success(request, f"Redelivering {count} message{'' if count == 1 else 's'}.")
    else:
        messages.warning(request, "No dead messages left. Someone else may have redelivered them.")
    return redirect("dead_messages:list")
