"""The page on what is kept how long."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, words_of
from portal.kernel.policy import administrators
from portal.kernel.transitions import AlreadyMoved
from portal.retention import actions, queries
from portal.retention.forms import RetentionForm
from portal.retention.models import Retention

CHANGED = "Someone else changed this meanwhile. Nothing was saved: below are the values as they are now."


@administrators
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def retention(request: HttpRequest) -> HttpResponse:
    """What is kept how long, how much there is of it, and changing that. Deleting more than before has to be confirmed."""
    row = Retention.current()
    form, loss, status = RetentionForm(row=row), "", 200
    if request.method == "POST":
        form, status = RetentionForm(request.POST, row=row), 400
        if form.is_valid():
            try:
                actions.change_retention(by=actor_of(request), **form.values())
            except AlreadyMoved:
                messages.warning(request, CHANGED)
                form, status = RetentionForm(row=Retention.current()), 409
            except actions.NeedsConfirmation as error:
                loss, status = words_of(error), 200
                form = RetentionForm({**request.POST.dict(), "confirmed": form.asked()}, row=row)
            except ValidationError as error:
                add_errors(form, error)
            else:
                messages.success(request, "Saved.")
                return redirect("retention:retention")
    return render(request, "portal/retention/retention.html", _page(row, form, loss), status=status)


def _page(row: Retention, form: RetentionForm, loss: str) -> dict[str, Any]:
    return {
        "form": form,
        "loss": loss,
        "row": row,
        "waits": row.events_days is not None and row.contents_deleted_before() is None,
        "kept": queries.kept(row),
        "never": queries.never_deleted(),
        "emptied": queries.emptied(),
        "gone": queries.deleted_whole(),
        "files": queries.files(),
        "folder": settings.STATE_DIR / "exports",
        "embedded": settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"),
    }
