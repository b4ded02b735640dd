"""The page of a release's approvals: what ships, who was asked, what they said; asking, answering, withdrawing."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, refusal
from portal.kernel.paging import page_of
from portal.kernel.policy import planners, reading, writing
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from releases.approvals import actions, queries
from releases.approvals.forms import AccepterForm, AskForm
from releases.approvals.models import Approval
from releases.planning.models import Release
from releases.planning.views import at_former_addresses
from squads.acceptance.actions import find_accepter, plan_accepters
from squads.acceptance.queries import planned_accepters
from squads.teams.permissions import check_planner, may_plan

PER_PAGE = 20
ANSWERS = {"given": True, "declined": False}


@reading
@require_safe
@at_former_addresses
def approval_list(request: HttpRequest, slug: str) -> HttpResponse:
    """The approvals of a release, and what they are given for."""
    return _page(request, get_object_or_404(Release, slug=slug), AskForm())


@planners
@require_POST
@at_former_addresses
def approval_ask(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask a person, or whoever has a role, to approve a release."""
    release = get_object_or_404(Release, slug=slug)
    check_planner(request.user, actions.WHO)
    form = AskForm(request.POST)
    if form.is_valid():
        try:
            asked = _asked(release, request, form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"Asked {asked.whom}. It’s in their inbox.")
            return redirect("releases:approvals:list", release.slug)
    return _page(request, release, form, status=400)


def _asked(release: Release, request: HttpRequest, said: dict[str, Any]) -> Approval:
    person: Any = actions.find_person(said["person"]) if said["person"] else None
    return actions.ask(release, by=actor_of(request), **{**said, "person": person})


def _page(request: HttpRequest, release: Release, form: AskForm, status: int = 200) -> HttpResponse:
    page = page_of(request, queries.listed(release), per_page=PER_PAGE)
    now = queries.content_now(release)
    context = {
        "release": release,
        "form": form,
        "page": page,
        "now": now,
        "rows": queries.rows_of(page.object_list, now, request.user),
        "writable": may_plan(request.user),
        "out": release.is_out,
    }
    return render(request, "releases/approvals/list.html", context, status=status)


def _approval(slug: str, pk: int) -> Approval:
    return get_object_or_404(Approval.objects.select_related(*queries.BESIDE), pk=pk, release__slug=slug)


# Not only for planners: whoever was asked may answer. The verb checks who was.
@writing
@require_POST
def approval_answer(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Give an approval or decline it."""
    approval, said = _approval(slug, pk), given(request.POST, "answer")
    try:
        if said not in ANSWERS:
            raise ValidationError("Choose approve or decline.")
        note, seen = given(request.POST, "note"), given(request.POST, "seen")
        actions.answer(approval, by=actor_of(request), given=ANSWERS[said], note=note, seen=seen)
    except (AlreadyMoved, ValidationError) as error:
        messages.error(request, refusal(error)[0])
    else:
        messages.success(request, f"{approval.release} {'approved' if ANSWERS[said] else 'declined'}.")
        if given(request.POST, "back"):
            return redirect("squads:acceptance:waiting")
    return redirect(reverse("releases:approvals:list", args=[approval.release.slug]))


@planners
@require_POST
def approval_withdraw(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Withdraw a question that waits."""
    approval = _approval(slug, pk)
    try:
        actions.withdraw(approval, by=actor_of(request))
    except AlreadyMoved as first:
        messages.error(request, str(first))
    else:
        messages.success(request, "Withdrawn.")
    return redirect("releases:approvals:list", slug)


@reading
@require_safe
@at_former_addresses
def accepter_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Who is to accept each story of a release, and planning that for many at once."""
    return _accepters(request, get_object_or_404(Release, slug=slug), AccepterForm())


@planners
@require_POST
@at_former_addresses
def accepter_plan(request: HttpRequest, slug: str) -> HttpResponse:
    """Say who is to accept the chosen stories of a release, or nobody."""
    release = get_object_or_404(Release, slug=slug)
    check_planner(request.user, actions.WHO)
    form = AccepterForm(request.POST)
    if form.is_valid():
        try:
            stories = queries.stories_called(release, request.POST.getlist("story"))
            person = find_accepter(form.cleaned_data["person"]) if form.cleaned_data["person"] else None
            plan_accepters(stories, person, by=actor_of(request))
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"{len(stories)} {'story' if len(stories) == 1 else 'stories'} changed.")
            return redirect("releases:approvals:accepters", release.slug)
    return _accepters(request, release, form, status=400)


def _accepters(request: HttpRequest, release: Release, form: AccepterForm, status: int = 200) -> HttpResponse:
    page = page_of(request, queries.stories_to_accept(release), per_page=100)
    here = {each.key for each in page}
    chosen = here if request.GET.get("all") == "1" else here & set(request.POST.getlist("story"))
    context = {
        "release": release,
        "form": form,
        "page": page,
        "accepters": planned_accepters([each.pk for each in page.object_list]),
        "done": queries.accepted(release),
        "chosen": chosen,
        "all_chosen": chosen >= here,
        "writable": may_plan(request.user),
    }
    return render(request, "releases/approvals/accepters.html", context, status=status)
