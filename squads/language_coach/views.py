"""The door that pages ask while somebody writes. It keeps nothing: no row, no log, no cache."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from portal.accounts.models import User
from portal.kernel.policy import writing
from squads.language_coach import coach
from squads.language_coach.coach import Finding


@writing
@never_cache
@require_POST
@sensitive_post_parameters("text")
def check(request: HttpRequest) -> JsonResponse:
    """What the coach would ask about in a text. Places are counted as browsers count, in UTF-16 units."""
    text = request.POST.get("text")
    if text is None:
        return JsonResponse({"message": "There’s no text. Send it in the field “text”."}, status=400)
    if len(text) > coach.LONGEST:
        said = f"This text has {len(text):,} characters. The language coach reads up to {coach.LONGEST:,}."
        return JsonResponse({"message": said}, status=400)
    return JsonResponse({"findings": [_shown(text, each) for each in coach.find(text, names())]})


def names() -> set[str]:
    """The whole names of people who sign in here, not their user names: these may be any word."""
    people = User.objects.filter(is_active=True, program_of=None).values_list("first_name", "last_name")
    return {name for person in people if (name := " ".join(person).strip())}


def _shown(text: str, finding: Finding) -> dict[str, Any]:
    start = _units(text[: finding.start])
    words = text[finding.start : finding.end]
    return {
        "start": start,
        "end": start + _units(words),
        "words": words,
        "rule": finding.rule.id,
        "label": finding.rule.label,
        "why": finding.rule.why,
        "question": finding.rule.question,
    }


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
