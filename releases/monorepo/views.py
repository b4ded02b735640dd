"""The page of monorepo paths: the parts of repositories and their services."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.paging import page_of
from portal.kernel.policy import managers, reading
from portal.kernel.text_input import given
from releases.mappings import unmapped
from releases.mappings.actions import may_map
from releases.monorepo import actions
from releases.monorepo.forms import PartForm
from releases.pipelines.models import RepositoryPart


def _list(request: HttpRequest, form: PartForm) -> HttpResponse:
    repository = given(request.GET, "repository")
    rows = RepositoryPart.objects.select_related("repository", "service", "by").order_by("repository__key", "prefix")
    if repository:
        rows = rows.filter(repository__key=repository)
    context = {"page": page_of(request, rows), "form": form, "may_map": may_map(request.user), **unmapped.choices()}
    return render(request, "releases/monorepo/list.html", context, status=400 if form.errors else 200)


@reading
@require_safe
def part_list(request: HttpRequest) -> HttpResponse:
    """The parts of all repositories, or of one."""
    return _list(request, PartForm(initial={"repository": given(request.GET, "repository")}))


@managers
@require_POST
def part_add(request: HttpRequest) -> HttpResponse:
    """Give a folder of a repository to a service."""
    form = PartForm(request.POST)
    if form.is_valid():
        fields = form.cleaned_data
        try:
            row = actions.add_part(fields["repository"], fields["folder"], fields["service"], by=actor_of(request))
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(
                request, f"{row.prefix} now belongs to {row.service}. The repository’s history is reprocessed now."
            )
            return redirect("releases:monorepo:list")
    return _list(request, form)


@managers
@require_POST
def part_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a part. Doing it twice changes nothing."""
    row = RepositoryPart.objects.select_related("repository", "service").filter(pk=pk).first()
    if row is not None:
        actions.remove_part(row, by=actor_of(request))
    messages.success(request, "Path removed. Its changes now belong to the folder around it.")
    return redirect(reverse("releases:monorepo:list"))
