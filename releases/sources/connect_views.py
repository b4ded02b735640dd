"""Pages that connect a system: the choice of kinds, the form of each, the test of its access, and its list of steps."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import words_of
from portal.kernel.markdown import document
from portal.kernel.policy import administrators, reading
from releases.inbox.models import Source
from releases.inbox.queries import said_of_deleted_contents
from releases.providers import PROVIDERS
from releases.providers.status_docs import docs_page
from releases.sources import connect_system
from releases.sources.forms import SystemForm
from releases.sources.queries import hook_url

PROVIDER_DOCS = Path(settings.BASE_DIR) / "docs" / "providers"


@administrators
@require_safe
def system_choice(request: HttpRequest) -> HttpResponse:
    """Which kind of system to connect."""
    kinds = [provider for provider in PROVIDERS.values() if provider.kind not in ("cdevents", "report")]
    return render(request, "releases/sources/system_choice.html", {"providers": kinds})


@administrators
@never_cache
@sensitive_post_parameters("secret", "credential")
def system_create(request: HttpRequest, kind: str) -> HttpResponse:
    """Connect a system; where Rodeo made its secret, the answer shows it, this once."""
    try:
        provider = connect_system.provider_of(kind)
    except ValidationError:
        raise Http404("There’s no such system.") from None
    form = SystemForm(request.POST or None, provider=provider)
    if request.method == "POST" and form.is_valid():
        try:
            row, secret = connect_system.connect_system(by=actor_of(request), kind=kind, **form.values())
        except ValidationError as error:
            form.show_errors(error)
        else:
            if secret:
                return secret_page(request, row, secret, status=201)
            messages.success(request, f"Saved {row.name}.")
            return redirect(row)
    return _render_form(request, "releases/sources/system.html", form, provider=provider)


def _render_form(request: HttpRequest, template: str, form: SystemForm, **context: Any) -> HttpResponse:
    if form.errors:
        form.ask_for_secrets_again()
    return render(request, template, {"form": form, **context}, status=400 if form.errors else 200)


def secret_page(request: HttpRequest, row: Source, secret: str, status: int = 200) -> HttpResponse:
    """Show a new secret, this once, with where it goes."""
    context = {"source": row, "secret": secret, "hook": hook_url(row), "provider": PROVIDERS[row.kind]}
    return render(request, "releases/sources/system_secret.html", context, status=status)


def edit_page(request: HttpRequest, row: Source) -> HttpResponse:
    """Change a system that is connected."""
    form = SystemForm(request.POST or None, provider=PROVIDERS[row.kind], source=row)
    if request.method == "POST" and form.is_valid():
        values = form.values()
        values |= {name: values[name] or None for name in ("credential", "secret")}
        config = row.config
        try:
            connect_system.edit_system(row, by=actor_of(request), **values)
        except ValidationError as error:
            form.show_errors(error)
        else:
            left = said_of_deleted_contents(row) if row.config != config else ""
            messages.success(request, f"Saved. Its events are reprocessed now. {left}" if left else "Saved.")
            return redirect(row)
    return _render_form(request, "releases/sources/edit.html", form, source=row)


@administrators
@require_POST
def system_test(request: HttpRequest, key: str) -> HttpResponse:
    """Test a source: ask its system what its credential can read, and show that."""
    row = get_object_or_404(Source, key=key)
    try:
        seen = connect_system.check_access(row, by=actor_of(request))
    except ValidationError as error:
        messages.error(request, words_of(error))
    else:
        messages.success(request, f"It works. Rodeo can see: {', '.join(seen) or 'nothing yet'}.")
    return redirect(row)


@reading
@require_safe
def system_help(request: HttpRequest, kind: str) -> HttpResponse:
    """The step list for one kind of system, as docs/providers has it."""
    provider = PROVIDERS.get(kind)
    page = docs_page(PROVIDER_DOCS, provider) if provider else None
    if provider is None or page is None or not page.exists():
        raise Http404("There’s no help page for this system.")
    others = {
        docs_page(PROVIDER_DOCS, each).name: reverse("releases:sources:system_help", args=[each.kind])
        for each in PROVIDERS.values()
    }
    context = {"provider": provider, "text": document(page.read_text(encoding="utf-8"), others)}
    return render(request, "releases/sources/system_help.html", context)
