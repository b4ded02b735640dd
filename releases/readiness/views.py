"""The pages of a release's readiness: the verdict with every gate, and each gate with what keeps it closed."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.kernel import clock
from portal.kernel.actors import Anyone, actor_of
from portal.kernel.form_errors import add_errors, refusal
from portal.kernel.paging import page_of
from portal.kernel.policy import answers, planners, reading
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from releases.gates.readiness import BY_NAME
from releases.outside_checks.actions import checks_of, want
from releases.planning.models import Release
from releases.planning.views import at_former_addresses
from releases.readiness import actions, overrides, queries
from releases.readiness.forms import FlagForm, ItemForm, OverrideForm
from releases.readiness.inputs import inputs_of
from releases.readiness.models import ChecklistItem, FlagNeed, GateOverride
from squads.discussions.queries import render_texts
from squads.retrospectives.queries import learnings_about
from squads.teams.permissions import answers_for, check_planner, may_plan


@reading
@require_safe
@at_former_addresses
def readiness(request: HttpRequest, slug: str) -> HttpResponse:
    """The verdict on a release, every gate, and what blocks it by who can act; or on one service of it."""
    release = get_object_or_404(Release, slug=slug)
    service, who = given(request.GET, "service")[:200], given(request.GET, "who")[:200]
    inputs = inputs_of([release])[release.pk]
    judged = queries.judged(inputs, service)
    context = {
        "release": release,
        "readiness": judged,
        "service": service,
        "services": [each.name for each in inputs.facts.services],
        "who": who,
        "gates": queries.gate_rows(judged, who),
        "groups": queries.groups(judged, who),
        "everyone": queries.who_can_act(judged),
        "writable": may_plan(request.user),
        "own_gates": inputs.has_own_template,
        **_learnings([each.name for each in inputs.facts.services], request.user),
    }
    return render(request, "releases/readiness/readiness.html", context)


def _learnings(services: list[str], reader: Anyone) -> dict[str, Any]:
    """What was learned about these services before, as the page shows it."""
    found = learnings_about(services, reader)
    htmls = render_texts([text for _, text in found.rows])
    return {"learnings": [(row, html) for (row, _), html in zip(found.rows, htmls, strict=True)], "learned": found}


@reading
@require_safe
@at_former_addresses
def gate(request: HttpRequest, slug: str, gate: str) -> HttpResponse:
    """One gate of a release, or of one service of it: all that blocks it, its overrides, and what people say for it."""
    release = get_object_or_404(Release, slug=slug)
    return _gate_page(request, release, gate, service=given(request.GET, "service")[:200])


def _gate_page(
    request: HttpRequest,
    release: Release,
    gate: str,
    form: Form | None = None,
    what: str = "override",
    service: str = "",
) -> HttpResponse:
    inputs = inputs_of([release])[release.pk]
    judged = queries.judged(inputs, service)
    found = next((each for each in judged.findings if each.gate == gate), None)
    if found is None:
        raise Http404(f"This release has no gate {gate[:40]}.")
    forms_: dict[str, Form] = {"override": OverrideForm(), "flag": FlagForm(), "item": ItemForm()}
    forms_ |= {what: form} if form is not None else {}
    context = {
        "release": release,
        "readiness": judged,
        "service": service,
        "found": found,
        "row": queries.gate_rows(judged, "", gate)[0],
        "what": BY_NAME[gate].what,
        "page": page_of(request, found.blockers),
        "overrides": queries.overrides_of(release, gate),
        # Sent back with the form: an override covers what the person saw.
        "seen": json.dumps([each.identity for each in found.blockers]),
        "may_override": answers_for(release, request.user),
        "writable": may_plan(request.user),
        "forms": forms_,
        **_said(release, gate, inputs.facts, request.user),
    }
    return render(request, "releases/readiness/gate.html", context, status=400 if form is not None else 200)


def _said(release: Release, gate: str, facts: Any, user: Anyone) -> dict[str, Any]:
    """Return what people say for the gates for which they say something."""
    if gate == "flags":
        needed = {each.flag: each for each in FlagNeed.objects.filter(release=release).select_related("by")}
        hidden = sorted({story.flag for story in facts.stories if story.flag} - needed.keys())
        own = {each.pk for each in needed.values() if actions.may_take_back(each, release, user)}
        return {"needs": list(needed.values()), "unsaid": hidden, "states": facts.flags, "removable": own}
    if gate == "checklist":
        items = ChecklistItem.objects.in_bulk([int(each.id) for each in facts.checklist])
        own = {pk for pk, each in items.items() if each.release_id and actions.may_take_back(each, release, user)}
        found = [(items[int(each.id)], each) for each in facts.checklist if int(each.id) in items]
        return {"items": found, "removable": own}
    if gate == "outside_checks":
        return {"outside": facts.outside, "checks": list(checks_of(release).select_related("by"))}
    return {}


def _service(request: HttpRequest) -> str:
    """Return the service for which the gate was judged on the page that this was sent from; "" for the whole release."""
    return given(request.POST, "service")[:200]


def _to_gate(request: HttpRequest, release: Release, gate: str) -> HttpResponse:
    """Lead back to the gate as it was shown."""
    address, service = reverse("releases:readiness:gate", args=[release.slug, gate]), _service(request)
    return redirect(f"{address}?{urlencode({'service': service})}" if service else address)


@answers
@require_POST
def override(request: HttpRequest, slug: str, gate: str) -> HttpResponse:
    """Override a gate."""
    release = get_object_or_404(Release, slug=slug)
    overrides.check_may_override(release, request.user)
    form, service = OverrideForm(request.POST), _service(request)
    if form.is_valid():
        until = clock.now() + timedelta(days=form.cleaned_data["days"])
        told = {"gate": gate, "reason": form.cleaned_data["reason"], "covers": _seen(request), "service": service}
        try:
            overrides.override(release, by=actor_of(request), until=until, **told)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"{BY_NAME[gate].title} overridden.")
            return _to_gate(request, release, gate)
    return _gate_page(request, release, gate, form, service=service)


def _seen(request: HttpRequest) -> set[str]:
    """Return the identities of what the page showed as blocking."""
    try:
        told = json.loads(given(request.POST, "covers"))
    except (ValueError, RecursionError):
        told = None
    return {each for each in told if isinstance(each, str)} if isinstance(told, list) else set()


@answers
@require_POST
def withdraw(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Withdraw an override."""
    row = get_object_or_404(GateOverride.objects.select_related("release"), pk=pk, release__slug=slug)
    overrides.check_may_override(row.release, request.user)
    try:
        overrides.withdraw(row, by=actor_of(request))
    except AlreadyMoved as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Override of {row.title} withdrawn.")
    return _to_gate(request, row.release, row.gate)


@planners
@require_POST
def need_flag(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what a flag must be."""
    check_planner(request.user)
    release, form = get_object_or_404(Release, slug=slug), FlagForm(request.POST)
    if form.is_valid():
        try:
            need = actions.need_flag(release, by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"{need.flag} must be {'on' if need.on else 'off'}.")
            return _to_gate(request, release, "flags")
    return _gate_page(request, release, "flags", form, "flag", _service(request))


@planners
@require_POST
def drop_flag(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Say no longer what a flag must be."""
    check_planner(request.user)
    need = get_object_or_404(FlagNeed.objects.select_related("release"), pk=pk, release__slug=slug)
    actions.drop_flag(need, by=actor_of(request))
    messages.success(request, f"{need.flag} removed.")
    return _to_gate(request, need.release, "flags")


@planners
@require_POST
def add_item(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a line to the checklist of a release."""
    check_planner(request.user)
    release, form = get_object_or_404(Release, slug=slug), ItemForm(request.POST)
    if form.is_valid():
        try:
            actions.add_item(by=actor_of(request), release=release, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Added to the checklist.")
            return _to_gate(request, release, "checklist")
    return _gate_page(request, release, "checklist", form, "item", _service(request))


@planners
@require_POST
def change_item(request: HttpRequest, slug: str, pk: int, to: str) -> HttpResponse:
    """Tick a line of the checklist, untick it, or remove it."""
    check_planner(request.user)
    release = get_object_or_404(Release, slug=slug)
    item, by = get_object_or_404(ChecklistItem.objects.select_related("release"), pk=pk), actor_of(request)
    try:
        if to == "remove":
            if item.release_id != release.pk:
                raise Http404("This line is of every release of a line.")
            actions.remove_item(item, by=by)
        else:
            (actions.tick if to == "tick" else actions.untick)(item, release, by=by)
    except (AlreadyMoved, ValidationError) as error:
        messages.error(request, refusal(error)[0])
    return _to_gate(request, release, "checklist")


@planners
@require_POST
def check_now(request: HttpRequest, slug: str) -> HttpResponse:
    """Have the outside checks of a release asked now."""
    check_planner(request.user)
    release = get_object_or_404(Release, slug=slug)
    want(release)
    messages.success(request, "Checking. The answers are here in a few seconds.")
    return _to_gate(request, release, "outside_checks")
