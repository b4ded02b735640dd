"""Pages of snapshots: of a release, one of them, and its document."""

import json

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.paging import page_of
from portal.kernel.policy import planners, reading
from releases.planning.models import Release
from releases.planning.views import at_former_addresses
from releases.snapshots import actions, queries
from releases.snapshots.forms import SnapshotForm
from releases.snapshots.models import Snapshot
from squads.judge.stages import STAGE_NAMES
from squads.teams.permissions import check_planner, may_plan


def _page(request: HttpRequest, release: Release, form: SnapshotForm | None = None) -> HttpResponse:
    context = {
        "release": release,
        "page": page_of(request, queries.snapshots_of(release)),
        "why_none": queries.why_none(release),
        "form": form or SnapshotForm(),
        "writable": may_plan(request.user),
    }
    return render(request, "releases/snapshots/list.html", context, status=400 if form and form.errors else 200)


@reading
@require_safe
@at_former_addresses
def of_release(request: HttpRequest, slug: str) -> HttpResponse:
    """The snapshots of a release, and why there is none of when it went out."""
    return _page(request, get_object_or_404(Release, slug=slug))


@planners
@require_POST
def take(request: HttpRequest, slug: str) -> HttpResponse:
    """Take a snapshot now."""
    release = get_object_or_404(Release.objects.select_related("owner"), slug=slug)
    check_planner(request.user)
    form = SnapshotForm(request.POST)
    if form.is_valid():
        try:
            taken = actions.take_snapshot(release, by=actor_of(request), note=form.cleaned_data["note"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Snapshot taken.")
            return redirect(taken)
    return _page(request, release, form)


@reading
@require_safe
def detail(request: HttpRequest, sha256: str) -> HttpResponse:
    """A snapshot, gate by gate, and what is different now."""
    snapshot = get_object_or_404(Snapshot.objects.select_related("by"), sha256=sha256)
    kept = json.loads(snapshot.document)
    context = {
        "snapshot": snapshot,
        "kept": kept,
        "stories": [(each["key"], STAGE_NAMES.get(each["stage"], each["stage"])) for each in kept["facts"]["stories"]],
        "release": Release.objects.filter(pk=snapshot.release).first(),
        "differences": queries.difference_to_now(snapshot),
        "bytes": len(snapshot.document.encode()),
    }
    return render(request, "releases/snapshots/detail.html", context)


@reading
@require_safe
def download(request: HttpRequest, sha256: str) -> HttpResponse:
    """The document of a snapshot: the bytes whose SHA-256 is in its address."""
    snapshot = get_object_or_404(Snapshot, sha256=sha256)
    return HttpResponse(
        snapshot.document.encode(),
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="{snapshot.release_slug[:80].encode("ascii", "replace").decode()}'
            f'-{snapshot.sha256[:12]}.json"',
            # It never changes; but what may be read by whom may.
            "Cache-Control": "private, no-cache",
            "ETag": f'"{snapshot.sha256}"',
        },
    )
