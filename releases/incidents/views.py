"""Pages of incidents: the list, one incident, opening and correcting it; and the page of alerts."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, refusal
from portal.kernel.models import StateChange
from portal.kernel.paging import page_of
from portal.kernel.policy import planners, reading
from portal.kernel.sentences import listed
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from releases.incident_settings.models import Severity
from releases.incidents import actions, queries
from releases.incidents.effective import LABELS
from releases.incidents.forms import IncidentForm, UpdateForm
from releases.incidents.incident_clock import MEASURES
from releases.incidents.models import Alert, Incident
from squads.teams.models import Squad
from squads.teams.permissions import check_planner, may_plan

COUNTED = 5000


@reading
@require_safe
def incident_list(request: HttpRequest) -> HttpResponse:
    """Incidents, the open ones first, and how long they took. Maintenance has its own list."""
    asked = queries.Asked(**{name: given(request.GET, name) for name in queries.Asked.__slots__})
    rows = queries.listed(asked)
    context = {
        "asked": asked,
        "page": page_of(request, rows, most=COUNTED),
        "states": queries.STATES,
        "severities": Severity.objects.all(),
        "years": queries.years(),
        "means": queries.means(rows) if asked.state != queries.MAINTENANCE else [],
        "most_measured": queries.MOST_MEASURED,
        "measure": MEASURES.get(asked.length),
        "writable": may_plan(request.user),
    }
    return render(request, "releases/incidents/list.html", context)


@reading
@require_safe
def incident_detail(request: HttpRequest, key: str) -> HttpResponse:
    """One incident. The address of one that was merged leads to the one it was merged into."""
    incident = queries.incident_named(key)
    if incident.merged_into is not None and "merged" not in request.GET:
        messages.info(request, f"{incident.key} was merged into {incident.merged_into.key}.")
        return redirect(incident.merged_into)
    return _shown(request, incident, UpdateForm())


def _shown(request: HttpRequest, incident: Incident, form: UpdateForm, status: int = 200) -> HttpResponse:
    retrospectives = queries.retrospectives_about(incident, request.user)
    squads = Squad.objects.writable_by(request.user).exclude(pk__in=[each.squad_id for each in retrospectives])
    context = {
        "incident": incident,
        "detail": queries.detail(incident),
        "form": form,
        "moves": StateChange.objects.filter(kind="incident", key=incident.key)
        .select_related("by")
        .order_by("-at", "-pk")[:50],
        "may_write": may_plan(request.user),
        "attributions": next((read(incident) for read in queries.ATTRIBUTIONS), None),
        "writable": may_plan(request.user) and incident.merged_into_id is None,
        "split_from": queries.split_from(incident) if incident.merged_into_id is None else None,
        "retrospectives": retrospectives,
        "squads": squads.order_by("name")[:200],
    }
    return render(request, "releases/incidents/detail.html", context, status=status)


@planners
@require_http_methods(["GET", "HEAD", "POST"])
def incident_open(request: HttpRequest) -> HttpResponse:
    """Open an incident by hand."""
    check_planner(request.user, actions.WHO)
    form = IncidentForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            incident = actions.open_incident(by=actor_of(request), **form.values())
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"Opened {incident.key}.")
            return redirect(incident)
    status = 400 if form.is_bound else 200
    return render(request, "releases/incidents/form.html", {"form": form}, status=status)


@planners
@require_http_methods(["GET", "HEAD", "POST"])
def incident_edit(request: HttpRequest, key: str) -> HttpResponse:
    """Correct what is known of an incident. What somebody else changed meanwhile is not overwritten."""
    check_planner(request.user, actions.WHO)
    incident = queries.incident_named(key)
    form = IncidentForm(request.POST if request.method == "POST" else None, incident=incident)
    context: dict[str, Any] = {"form": form, "incident": incident}
    if not form.is_bound:
        return render(request, "releases/incidents/form.html", context)
    status = 400
    if form.is_valid():
        said = form.values()
        try:
            changed = actions.correct(
                incident,
                by=actor_of(request),
                because=form.cleaned_data["because"],
                seen=form.cleaned_data["seen"],
                **said,
            )
        except AlreadyMoved as error:
            form.add_error(None, str(error))
            status = 409
        except ValidationError as error:
            add_errors(form, error)
        else:
            words = [LABELS[name] for name in changed]
            messages.success(request, f"Changed {listed(words)}." if changed else "Nothing changed.")
            return redirect(incident)
    return render(request, "releases/incidents/form.html", context, status=status)


@planners
@require_POST
def incident_update(request: HttpRequest, key: str) -> HttpResponse:
    """Write an update."""
    check_planner(request.user, actions.WHO)
    incident = queries.incident_named(key)
    form = UpdateForm(request.POST)
    if form.is_valid():
        try:
            actions.write_update(incident, by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Added the update.")
            return redirect(incident)
    return _shown(request, incident, form, status=400)


@planners
@require_POST
def incident_state(request: HttpRequest, key: str) -> HttpResponse:
    """Say that an incident is mitigated or resolved now, or that it goes on."""
    check_planner(request.user, actions.WHO)
    incident = queries.incident_named(key)
    try:
        actions.move_now(incident, by=actor_of(request), state=given(request.POST, "state"))
    except (AlreadyMoved, ValidationError) as error:
        messages.error(request, refusal(error)[0])
    else:
        messages.success(request, f"{incident.key} is {given(request.POST, 'state')}.")
    return redirect(incident)


@planners
@require_POST
def incident_merge(request: HttpRequest, key: str) -> HttpResponse:
    """Merge an incident into another."""
    check_planner(request.user, actions.WHO)
    incident = queries.incident_named(key)
    match = queries.KEY.fullmatch(given(request.POST, "into"))
    into = Incident.objects.filter(number=int(match[1])).first() if match else None
    if into is None:
        messages.error(request, "There’s no such incident. A key looks like INC-12.")
        return redirect(incident)
    try:
        done = actions.merge(incident, into, by=actor_of(request), because=given(request.POST, "because"))
    except ValidationError as error:
        messages.error(request, refusal(error)[0])
        return redirect(incident)
    messages.success(request, f"Merged {incident.key} into {done.key}.")
    return redirect(done)


@planners
@require_POST
def incident_unmerge(request: HttpRequest, key: str) -> HttpResponse:
    """Make an incident of its own again of one that was merged."""
    check_planner(request.user, actions.WHO)
    incident = queries.incident_named(key)
    try:
        actions.unmerge(incident, by=actor_of(request), because=given(request.POST, "because"))
    except ValidationError as error:
        messages.error(request, refusal(error)[0])
    else:
        messages.success(request, f"{incident.key} is an incident of its own again.")
    return redirect(f"{incident.get_absolute_url()}?merged=1")


@planners
@require_POST
def incident_split(request: HttpRequest, key: str) -> HttpResponse:
    """Make another incident of some reports of one."""
    check_planner(request.user, actions.WHO)
    incident = queries.incident_named(key)
    chosen = [each for each in incident.reports.all() if str(each.pk) in request.POST.getlist("report")]
    said = {name: given(request.POST, name) for name in ("title", "because")}
    try:
        made = actions.split(incident, chosen, by=actor_of(request), **said)
    except ValidationError as error:
        messages.error(request, refusal(error)[0])
        return redirect(incident)
    messages.success(request, f"Split {made.key} from {incident.key}.")
    return redirect(made)


@planners
@require_POST
def incident_unsplit(request: HttpRequest, key: str) -> HttpResponse:
    """Undo a split."""
    check_planner(request.user, actions.WHO)
    incident = queries.incident_named(key)
    try:
        into = actions.unsplit(incident, by=actor_of(request), because=given(request.POST, "because"))
    except ValidationError as error:
        messages.error(request, refusal(error)[0])
        return redirect(incident)
    messages.success(request, f"{incident.key} is part of {into.key} again.")
    return redirect(into)


@reading
@require_safe
def alert_list(request: HttpRequest) -> HttpResponse:
    """Alerts, the newest first: the open ones, unless the address asks for those that are resolved."""
    asked = request.GET.get("state", "")
    state = asked if asked in Alert.State.values else Alert.State.OPEN.value
    rows = Alert.objects.filter(state=state).select_related("service", "environment", "report__incident")
    page = page_of(request, rows.defer("labels"), most=COUNTED)
    return render(
        request, "releases/incidents/alert_list.html", {"page": page, "state": state, "states": Alert.State.choices}
    )
