"""Pages of squads and services."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.access import check_founder
from portal.kernel.actors import Anyone, actor_of
from portal.kernel.form_errors import add_errors, refusal, words_of
from portal.kernel.paging import page_of
from portal.kernel.policy import founders, leads, members, reading
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from squads.teams import actions, queries
from squads.teams.forms import ServiceForm, SquadForm
from squads.teams.models import Service, Squad
from squads.teams.permissions import check_lead, check_member


def led(slug: str, user: Anyone) -> Squad:
    """Return a squad that this person leads, or refuse, saying who may."""
    squad: Squad = get_object_or_404(Squad.objects.with_notice(), slug=slug)
    check_lead(squad, user)
    return squad


@reading
@require_safe
def squad_list(request: HttpRequest) -> HttpResponse:
    """Every squad with its people, services and stories per stage."""
    page = page_of(request, queries.squads())
    stages = queries.stages_of([squad.pk for squad in page])
    rows = [(squad, queries.stage_counts(stages.get(squad.pk))) for squad in page]
    return render(request, "squads/teams/list.html", {"page": page, "rows": rows, "stages": queries.STAGES})


@reading
@require_safe
def squad_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One squad: mission, people, services, stories per stage."""
    squad = get_object_or_404(Squad.objects.with_notice(), slug=slug)
    counts = queries.stage_counts(queries.stages_of([squad.pk]).get(squad.pk))
    return render(
        request,
        "squads/teams/detail.html",
        {
            "squad": squad,
            "counts": counts,
            "total": sum(each.count for each in counts),
            "left_out": queries.left_out_of(squad),
            "archived": queries.archived_of(squad),
            "page": page_of(request, queries.people_of(squad)),
            "services": queries.services().filter(squad=squad)[:100],
            "writable": squad.is_writable_by(request.user),
            "leads": squad.is_led_by(request.user),
        },
    )


@founders
def squad_create(request: HttpRequest) -> HttpResponse:
    """Create a squad and become its first member and lead."""
    check_founder(request.user)
    form = SquadForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            squad = actions.create_squad(by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"{squad} created. You’re its lead.")
            return redirect(squad)
    return render(request, "squads/teams/form.html", {"form": form}, status=400 if form.errors else 200)


@leads
def squad_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Change a squad's name, prefix, kind or mission."""
    squad = led(slug, request.user)
    form = SquadForm(request.POST or None, instance=squad)
    if request.method == "POST" and form.is_valid():
        try:
            actions.edit_squad(squad, by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect(squad)
    status = 400 if form.errors else 200
    return render(request, "squads/teams/form.html", {"form": form, "squad": squad}, status=status)


@leads
@require_POST
def squad_archive(request: HttpRequest, slug: str) -> HttpResponse:
    """Archive a squad: it stays readable and takes no new work."""
    squad = led(slug, request.user)
    try:
        actions.archive_squad(squad, by=actor_of(request), because=given(request.POST, "because"))
    except (AlreadyMoved, ValidationError) as error:
        messages.error(request, refusal(error)[0])
    else:
        messages.success(request, f"Squad {squad} archived. You can unarchive it any time.")
    return redirect(squad)


@leads
@require_POST
def squad_unarchive(request: HttpRequest, slug: str) -> HttpResponse:
    """Have an archived squad work again."""
    squad = led(slug, request.user)
    try:
        actions.unarchive_squad(squad, by=actor_of(request))
    except AlreadyMoved as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Squad {squad} unarchived.")
    return redirect(squad)


@reading
@require_safe
def service_list(request: HttpRequest) -> HttpResponse:
    """Every service with its owner, those without one first, and the repositories nobody claims."""
    unclaimed = queries.unclaimed_repositories()
    return render(
        request,
        "squads/teams/service_list.html",
        {
            "page": page_of(request, queries.services()),
            "unclaimed": unclaimed[:50],
            "unclaimed_count": unclaimed.count(),
            "mine": queries.squads_of(request.user),
        },
    )


@reading
@require_safe
def service_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One service: owner, repositories, and what of it runs where."""
    service = get_object_or_404(Service.objects.select_related("squad", "merged_into"), slug=slug)
    if service.merged_into is not None:
        return redirect(service.merged_into)
    return render(
        request,
        "squads/teams/service.html",
        {
            "service": service,
            "repositories": queries.repositories().filter(service=service)[:200],
            "page": page_of(request, queries.deployments_of(service)),
            "writable": bool(service.squad and service.squad.is_writable_by(request.user)),
            "mine": queries.squads_of(request.user),
        },
    )


@members
def service_create(request: HttpRequest) -> HttpResponse:
    """Create a service for one of the person's own squads."""
    if not queries.squads_of(request.user):
        raise PermissionDenied("Services belong to squads. Join or create one first.")
    initial = {"repositories": request.GET.get("repository", "")}
    form = ServiceForm(request.POST or None, user=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            service = actions.create_service(by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"Service {service} created.")
            return redirect(service)
    return render(
        request,
        "squads/teams/service_form.html",
        {"form": form, "unclaimed": queries.unclaimed_repositories()[:20]},
        status=400 if form.errors else 200,
    )


@members
def service_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Change a service's owner, description and repositories."""
    service = get_object_or_404(Service.objects.select_related("squad"), slug=slug)
    if service.squad is None:
        messages.warning(request, f"{service} has no owner yet. Claim it first.")
        return redirect(service)
    check_member(service.squad, request.user, f"service {service}")
    form = ServiceForm(request.POST or None, user=request.user, service=service)
    if request.method == "POST" and form.is_valid():
        try:
            actions.edit_service(service, by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect(service)
    return render(
        request,
        "squads/teams/service_form.html",
        {"form": form, "service": service, "unclaimed": queries.unclaimed_repositories()[:20]},
        status=400 if form.errors else 200,
    )


@members
@require_POST
def service_claim(request: HttpRequest, slug: str) -> HttpResponse:
    """Take a service nobody owns for one of the person's squads."""
    service = get_object_or_404(Service, slug=slug)
    squad = get_object_or_404(Squad, slug=given(request.POST, "squad"))
    check_member(squad, request.user, "its services")
    try:
        actions.claim_service(service, squad, by=actor_of(request))
    except ValidationError as error:
        messages.error(request, words_of(error))
    else:
        messages.success(request, f"{squad} now owns {service}. Check that its repositories are right.")
    return redirect(service)
