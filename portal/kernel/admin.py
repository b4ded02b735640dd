"""What the admin pages of all features share."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from portal.kernel import audit
from portal.kernel.actors import actor_of


class ReadOnly(admin.ModelAdmin):
    """Rows that follow from events, or that history must keep as they are: to be looked at, never to be changed."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NotDeleted(admin.ModelAdmin):
    """Rows that others refer to: they may be edited, not deleted by a slip.

    What a verb objects to while saving is said above the form; nothing was saved then.
    """

    show_full_result_count = False
    list_per_page = 50

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except ValidationError as error:
            messages.error(request, f"Nothing was saved. {' '.join(error.messages)}")
            return redirect(request.get_full_path())

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        entry = super().log_addition(request, obj, message)
        self._record(request, obj, "added", "")
        return entry

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        entry = super().log_change(request, obj, message)
        self._record(request, obj, "corrected", entry.get_change_message())
        return entry

    def _record(self, request: HttpRequest, obj: Any, verb: str, what: str) -> None:
        did = f"{verb} the {obj._meta.verbose_name} {obj} by hand{f': {what}' if what else ''}"
        audit.record(by=actor_of(request), did=did, kind="row", key=str(obj))
