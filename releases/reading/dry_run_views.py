"""The page where a mapping is tried on real events, and kept once it fits."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.kernel import clock
from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.policy import administrators
from releases.inbox.models import InboundEvent, Source
from releases.inbox.queries import said_of_deleted_contents
from releases.providers import PROVIDERS
from releases.reading import dry_run, queries
from releases.sources import connect_system
from releases.sources.forms import setting_field

MAPPED = ("generic",)
LONGEST_BODY = 200_000


class MappingForm(forms.Form):
    """The settings of a source's provider, and the event they are tried on: a kept one, or pasted text."""

    body = forms.CharField(
        label="Or paste an event",
        max_length=LONGEST_BODY,
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "placeholder": '{"build": {"id": 17}}'}),
        help_text="JSON. It isn’t saved.",
    )

    def __init__(self, *args: Any, source: Source, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = [each.name for each in PROVIDERS[source.kind].settings]
        for each in PROVIDERS[source.kind].settings:
            self.fields[each.name] = setting_field(each)
            kept = source.config.get(each.name, "")
            self.initial[each.name] = "\n".join(kept) if isinstance(kept, list) else kept
        self.order_fields([*self.names, "body"])

    def settings(self) -> dict[str, Any]:
        """Return the mapping that was typed."""
        return {name: self.cleaned_data.get(name, "") for name in self.names}


@administrators
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def source_try(request: HttpRequest, key: str) -> HttpResponse:
    """Try a mapping on an event, or keep it and have everything the source sent read by it."""
    row = get_object_or_404(Source, key=key)
    if row.kind not in MAPPED:
        raise Http404("This source has no mapping.")
    form = MappingForm(request.POST or None, source=row)
    event, tried = _event(row, (request.POST or request.GET).get("event", "")), None
    if request.method == "POST" and form.is_valid():
        try:
            if request.POST.get("do") == "save":
                connect_system.edit_system(
                    row, by=actor_of(request), name=row.name, squad=row.squad, asked=False, settings=form.settings()
                )
                left = said_of_deleted_contents(row)
                messages.success(request, f"Saved. This source’s events are reprocessed now. {left}".strip())
                return redirect(row)
            config = connect_system.validate_config(PROVIDERS[row.kind], asked=False, settings=form.settings())
        except ValidationError as error:
            add_errors(form, error)
        else:
            event = _pasted(row, form.cleaned_data["body"]) or event
            tried = dry_run.tried(row, config, event) if event else None
    elif request.method != "POST" and event is not None:
        tried = dry_run.tried(row, row.config, event)
    context = {
        "source": row,
        "form": form,
        "events": dry_run.newest(row),
        "event": event,
        "tried": tried,
        "body": queries.shown_body(bytes(event.body)) if event else None,
    }
    return render(request, "releases/reading/dry_run.html", context, status=400 if form.errors else 200)


def _event(source: Source, chosen: str) -> InboundEvent | None:
    """Return the event that was chosen among the source's own, else its newest. One without contents can't be tried."""
    events = source.events.with_contents().order_by("-received_at", "id")
    try:
        return events.filter(pk=UUID(chosen)).first() or events.first()
    except ValueError:
        return events.first()


def _pasted(source: Source, text: str) -> InboundEvent | None:
    """Return pasted text as an event that is kept nowhere."""
    if not text.strip():
        return None
    return InboundEvent(source=source, body=text.encode("utf-8", "replace"), received_at=clock.now(), headers={})
