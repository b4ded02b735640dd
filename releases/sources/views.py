"""Pages of sources: the list, one source and how far its pull got, connecting, changing, pausing, removing."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from portal.kernel import clock
from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, words_of
from portal.kernel.htmx import varied, wants_fragment
from portal.kernel.paging import page_of
from portal.kernel.policy import administrators, reading
from portal.kernel.text_input import given
from releases.inbox.models import Source
from releases.sources import actions, connect_git, connect_system, findings, git_preview, queries
from releases.sources.connect_views import edit_page, secret_page
from releases.sources.forms import GitSourceEditForm, GitSourceForm, PushSourceEditForm, PushSourceForm

STOP_POLLING = 286  # of htmx


def _render_form(request: HttpRequest, template: str, form: BaseForm, **context: Any) -> HttpResponse:
    return render(request, template, {"form": form, **context}, status=400 if form.errors else 200)


@reading
@require_safe
def source_list(request: HttpRequest) -> HttpResponse:
    """Every source: state, last and next pull, last error, events of the last day."""
    page = page_of(request, queries.listed_sources())
    return render(request, "releases/sources/list.html", {"page": page, "rows": queries.source_rows(page)})


@reading
@require_safe
def source(request: HttpRequest, key: str) -> HttpResponse:
    """One source. While it is pulled or events wait, the changing part is fetched again every second."""
    row = queries.listed_sources().filter(key=key).first()
    if row is None and wants_fragment(request):
        # A page that is open still: htmx stops asking at this status.
        return varied(render(request, "releases/sources/_removed.html", status=STOP_POLLING))
    if row is None:
        raise Http404
    pull = queries.pull_state(row)
    context = {"source": row, "pull": pull, "administers": request.user.is_staff}
    context |= {"found": findings.found_in(row)}
    is_fragment = wants_fragment(request)
    if not is_fragment or given(request.GET, "stamp") != pull.stamp:
        context |= {"events": queries.newest_events(row), "last_day": actions.events_last_day(row)}
    if is_fragment:
        return varied(render(request, "releases/sources/_fresh.html", context))
    context |= {
        "rules": queries.configuration_of(row),
        "sends": row.kind in dict(actions.PUSH_KINDS),
        "old_secret_until": row.previous_until if row.previous_until and row.previous_until > clock.now() else None,
        "hook": queries.hook_url(row),
        "without_zone": queries.waiting_for_zone(row),
    }
    return varied(render(request, "releases/sources/detail.html", context))


@administrators
@sensitive_post_parameters("secret")
def source_create_git(request: HttpRequest) -> HttpResponse:
    """Connect a git repository, or show first which stories its history would touch."""
    form = GitSourceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            if "preview" in request.POST:
                return _git_preview_page(request, form)
            row, new = connect_git.connect_git(by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            first = f"Saved {row.name}. Its first pull starts within seconds."
            messages.success(request, first if new else f"{row.name} was already connected. Saved.")
            return redirect(row)
    return _render_form(request, "releases/sources/git.html", form, services=form.services())


def _git_preview_page(request: HttpRequest, form: GitSourceForm) -> HttpResponse:
    names = ("url", "squad", "branch", "secret", "user")
    preview = git_preview.preview_git(by=actor_of(request), **{name: form.cleaned_data[name] for name in names})
    context = {"form": form, "services": form.services(), "preview": preview}
    return render(request, "releases/sources/git.html", context)


@administrators
@never_cache
def source_create_push(request: HttpRequest) -> HttpResponse:
    """Create a source for a system that sends its events; the answer shows the token, this once."""
    form = PushSourceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row, token = actions.create_push_source(by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            return _token_page(request, row, token, status=201)
    return _render_form(request, "releases/sources/push.html", form)


def _token_page(request: HttpRequest, row: Source, token: str, status: int = 200) -> HttpResponse:
    context = {"source": row, "token": token, "command": queries.example_command(row, token)}
    return render(request, "releases/sources/token.html", context, status=status)


@administrators
@require_POST
@never_cache
def source_token(request: HttpRequest, key: str) -> HttpResponse:
    """Replace a push source's token; the answer shows the new one, this once."""
    row = get_object_or_404(Source, key=key)
    # Reports over the API are authenticated by looking the token up, so there is only one at a time.
    at_once = "at_once" in request.POST or row.kind == "report"
    try:
        token = connect_system.rotate_secret(row, by=actor_of(request), at_once=at_once)
        if row.kind in dict(actions.EVENT_KINDS):
            return _token_page(request, row, token)
        return secret_page(request, row, token)
    except ValidationError as error:
        messages.error(request, words_of(error))
        return redirect(row)


@administrators
@sensitive_post_parameters("secret", "credential")
def source_edit(request: HttpRequest, key: str) -> HttpResponse:
    """Change a source."""
    row = get_object_or_404(Source, key=key)
    if row.kind in dict(actions.EVENT_KINDS):
        return _edit_push_source(request, row)
    if row.kind != "git":
        return edit_page(request, row)
    form = GitSourceEditForm(request.POST or None, source=row)
    if request.method == "POST" and form.is_valid():
        values = {**form.cleaned_data, "secret": form.cleaned_data["secret"] or None}
        try:
            connect_git.edit_git(row, by=actor_of(request), **values)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Saved. Releases update in a moment.")
            return redirect(row)
    return _render_form(request, "releases/sources/edit.html", form, source=row)


def _edit_push_source(request: HttpRequest, row: Source) -> HttpResponse:
    form = PushSourceEditForm(request.POST or None, initial={"name": row.name, "zone": row.config.get("zone", "")})
    if request.method == "POST" and form.is_valid():
        settings = {**row.config, "zone": form.cleaned_data["zone"]}
        try:
            connect_system.edit_system(
                row,
                by=actor_of(request),
                name=form.cleaned_data["name"],
                squad=row.squad,
                asked=False,
                settings=settings,
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect(row)
    return _render_form(request, "releases/sources/edit.html", form, source=row)


@administrators
@require_POST
def source_pull(request: HttpRequest, key: str) -> HttpResponse:
    """Have a source pulled within seconds."""
    row = get_object_or_404(Source, key=key)
    try:
        actions.pull_soon(row)
    except ValidationError as error:
        messages.error(request, words_of(error))
    return redirect(row)


@administrators
@require_POST
def source_state(request: HttpRequest, key: str) -> HttpResponse:
    """Pause a source, or resume it."""
    row = get_object_or_404(Source, key=key)
    if request.POST.get("state") == Source.State.PAUSED:
        actions.pause(row, by=actor_of(request))
    else:
        actions.resume(row, by=actor_of(request))
    return redirect(row)


@administrators
@require_POST
def source_remove(request: HttpRequest, key: str) -> HttpResponse:
    """Delete a source without events."""
    row = get_object_or_404(Source, key=key)
    try:
        actions.remove(row, by=actor_of(request))
    except ValidationError as error:
        messages.error(request, words_of(error))
        return redirect(row)
    messages.success(request, f"{row.name} removed.")
    return redirect("releases:sources:list")
