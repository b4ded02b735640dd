"""The page that says who is a bot."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.paging import page_of
from portal.kernel.policy import administrators
from releases.bots import actions, queries
from releases.bots.forms import BotForm
from releases.bots.models import BotRule


@administrators
@require_http_methods(["GET", "HEAD", "POST"])
def bot_list(request: HttpRequest) -> HttpResponse:
    """Who is a bot by the rules of this portal; and adding a rule."""
    form = BotForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = actions.say(by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"{row.name} is now treated as {'a bot' if row.is_bot else 'a person'}.")
            return redirect("releases:bots:list")
    context = {"form": form, "page": page_of(request, queries.listed_rules())}
    return render(request, "releases/bots/list.html", context, status=400 if form.errors else 200)


@administrators
@require_POST
def bot_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a rule."""
    row = get_object_or_404(BotRule, pk=pk)
    actions.remove(row, by=actor_of(request))
    messages.success(request, f"{row.name} is no longer listed.")
    return redirect("releases:bots:list")
