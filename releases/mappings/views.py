"""Pages of mapping: the rules, the names they match, and unmapped names, each resolved in its row."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, words_of
from portal.kernel.htmx import varied, wants_fragment
from portal.kernel.paging import page_of
from portal.kernel.policy import managers, planners, reading
from portal.kernel.text_input import given
from releases.environments.models import Environment
from releases.inbox.queries import reprocessed
from releases.mappings import actions, resolve, unmapped
from releases.mappings.forms import RuleForm
from releases.mappings.models import MappingRule
from squads.teams.permissions import may_plan

NAMES_SHOWN = 30


@reading
@require_safe
def rule_list(request: HttpRequest) -> HttpResponse:
    """All rules in their order."""
    rows = MappingRule.objects.select_related("source", "by").order_by("order", "pk")
    context = {"page": page_of(request, rows), "may_map": actions.may_map(request.user)}
    return render(request, "releases/mappings/rule_list.html", context)


def _matches(form: RuleForm) -> dict[str, Any]:
    """Return which of the names seen so far the typed pattern matches."""
    fields = form.cleaned_data
    actions.validate_rule(fields)
    source = fields["source"].pk if fields["source"] else None
    names = actions.seen_names_matching(fields["kind"], fields["pattern"], source)
    return {"names": names[:NAMES_SHOWN], "count": len(names), "more": max(0, len(names) - NAMES_SHOWN), "asked": True}


def _rule(request: HttpRequest, rule: MappingRule | None) -> HttpResponse:
    actions.check_mapper(request.user)
    initial = RuleForm.of(rule) if rule else {each: given(request.GET, each) for each in ("kind", "pattern", "role")}
    form = RuleForm(request.POST or None, initial=initial)
    matches: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        try:
            matches = _matches(form)
            if "preview" not in request.POST:
                return _save(request, rule, form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
    if request.method == "POST" and wants_fragment(request):
        return varied(render(request, "releases/mappings/_rule_matches.html", {"matches": matches, "form": form}))
    context = {"form": form, "rule": rule, "matches": matches, **unmapped.choices()}
    return varied(render(request, "releases/mappings/rule.html", context, status=400 if form.errors else 200))


def _save(request: HttpRequest, rule: MappingRule | None, fields: dict[str, Any]) -> HttpResponse:
    if rule is None:
        actions.create_rule(by=actor_of(request), **fields)
    else:
        actions.edit_rule(rule, by=actor_of(request), **fields)
    messages.success(request, f"Saved. {reprocessed('Matching')}")
    return redirect("releases:mappings:rule_list")


@managers
def rule_create(request: HttpRequest) -> HttpResponse:
    """Create a rule; “Preview” shows which names it matches, without saving."""
    return _rule(request, None)


@managers
def rule_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a rule."""
    return _rule(request, get_object_or_404(MappingRule, pk=pk))


@managers
@require_POST
def rule_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a rule. Doing it twice changes nothing."""
    actions.check_mapper(request.user)
    rule = MappingRule.objects.filter(pk=pk).first()
    if rule is not None:
        actions.remove_rule(rule, by=actor_of(request))
    messages.success(request, f"Rule removed. {reprocessed('Matching')}")
    return redirect("releases:mappings:rule_list")


@managers
@require_POST
def rule_move(request: HttpRequest, pk: int) -> HttpResponse:
    """Swap a rule with the one above (`to` is up) or below it."""
    actions.move_rule(get_object_or_404(MappingRule, pk=pk), up=given(request.POST, "to") == "up", by=actor_of(request))
    return redirect(f"{reverse('releases:mappings:rule_list')}#rule-{pk}")


def _permissions(request: HttpRequest) -> dict[str, Any]:
    return {
        "tiers": Environment.Tier.choices,
        "may_map": actions.may_map(request.user),
        "may_resolve": request.user.is_authenticated and may_plan(request.user),
    }


@reading
@require_safe
def unmapped_list(request: HttpRequest) -> HttpResponse:
    """All unmapped names, or those of one kind."""
    kind = given(request.GET, "kind")
    kind = kind if kind in unmapped.KINDS else ""
    found = unmapped.all_unmapped()
    context = {
        "page": page_of(request, found.of(kind)),
        "kind": kind,
        "about": unmapped.KINDS[kind][1] if kind else "",
        "kinds": [(each, name, len(found.of(each)), each in found.more) for each, (name, _) in unmapped.KINDS.items()],
        "total": len(found.of("")),
        **unmapped.choices(),
        **_permissions(request),
    }
    return render(request, "releases/mappings/unmapped.html", context)


@planners
@require_POST
def unmapped_resolve(request: HttpRequest) -> HttpResponse:
    """Resolve one unmapped name; the answer says what was done, in its row with htmx."""
    meaning = {
        name: given(request.POST, name)
        for name in ("service", "squad", "environment", "tier", "role", "source", "same_as")
    }
    kind, name = given(request.POST, "kind"), given(request.POST, "name")
    done, error_text = "", ""
    try:
        done = resolve.resolve_unmapped(kind, name, meaning, by=actor_of(request))
    except ValidationError as error:
        error_text = words_of(error)
    if wants_fragment(request):
        row = unmapped.Unmapped(
            kind,
            name,
            given(request.POST, "id"),
            meaning["source"],
            given(request.POST, "source_name"),
            hint=given(request.POST, "hint"),
            same_as=meaning["same_as"],
        )
        context = {
            "row": row,
            "done": done,
            "error": error_text,
            "meaning": meaning,
            **unmapped.choices(),
            **_permissions(request),
        }
        return varied(render(request, "releases/mappings/_unmapped_row.html", context))
    (messages.success if done else messages.error)(request, done or f"{name[:100]}: {error_text}")
    back = given(request.POST, "back")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None) or not back.startswith("/"):
        back = reverse("releases:mappings:unmapped") + "?" + urlencode({"kind": kind})
    return redirect(back)
