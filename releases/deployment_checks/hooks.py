"""Flagger’s door: POST /deployment-checks/flagger/, answered 200 for go and 4xx for stop while Flagger waits.

Flagger sends no headers of one’s own, so the token is in the webhook’s metadata. It asks about the service that the token is
for; the metadata names what is to be deployed.
"""

from difflib import get_close_matches
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from portal.kernel.policy import public
from portal.kernel.problems import problem, problem_answer
from portal.kernel.request_body import TooLarge, body_of
from releases.deployment_checks import actions, queries
from releases.deployment_checks.actions import Answer
from releases.deployment_checks.models import Asker, CheckToken
from releases.deployment_checks.queries import ANYTHING, Question
from releases.providers.payloads import NotJson, parse_json

LARGEST = 64 * 1024
LONGEST = 340
# While a canary is in one of these, something is still to be decided.
ASKING = {"Initializing", "Initialized", "Waiting", "Progressing", "WaitingPromotion", "Promoting"}
OVER = {"Finalising", "Succeeded", "Failed", "Terminating", "Terminated"}
NAMED = ("release", *ANYTHING, "environment")
KNOWN = (*NAMED, "service", "token")
NOT_READY = 412


class _Refusal(Exception):
    """An answer that stops the canary, since the request can’t be understood: its status, the field and the remedy."""

    def __init__(self, status: int, field: str, text: str) -> None:
        self.status, self.field, self.text = status, field, text
        super().__init__(text)


@csrf_exempt
@public
def flagger(request: HttpRequest) -> HttpResponse:
    """Answer a webhook of Flagger: 200 lets the canary go on, anything else stops it. Never 204, which Flagger takes for no."""
    try:
        if request.method != "POST":
            raise _Refusal(405, "", "Send Flagger’s webhook with POST.")
        payload = _payload(request)
        metadata = _metadata(payload)
        token = _token(metadata)
        if "eventType" in metadata or "eventMessage" in metadata:
            return JsonResponse({"answer": "An event asks nothing."})
        phase = payload.get("phase")
        if isinstance(phase, str) and phase in OVER:
            return JsonResponse({"answer": f"Nothing is to be deployed any more in the phase {phase}."})
        if not isinstance(phase, str) or phase not in ASKING:
            raise _Refusal(400, "phase", f"Unknown phase. Flagger’s are {', '.join(sorted(ASKING | OVER))}.")
        found = actions.ask(_question(token, metadata))
    except _Refusal as refusal:
        errors = [{"code": "invalid", "detail": refusal.text, "attr": refusal.field or None}]
        headers = {"Allow": "POST"} if refusal.status == 405 else {}
        return problem_answer(problem(refusal.status, errors), headers)
    return _answer(found)


def _payload(request: HttpRequest) -> dict[str, Any]:
    try:
        payload = parse_json(body_of(request, LARGEST))
    except TooLarge:
        raise _Refusal(413, "", f"The body is over {LARGEST:,} bytes.") from None
    except NotJson as error:
        raise _Refusal(400, "", f"The body is not JSON: {error}.") from None
    if not isinstance(payload, dict):
        raise _Refusal(400, "", "The body isn’t a JSON object.")
    return payload


def _metadata(payload: dict[str, Any]) -> dict[str, str]:
    metadata = payload.get("metadata")
    if not isinstance(metadata, dict):
        raise _Refusal(401, "metadata", "Put the token into the webhook’s metadata, as “token”.")
    for name, value in metadata.items():
        if not isinstance(value, str) or (len(value) > LONGEST and name in KNOWN):
            raise _Refusal(400, f"metadata.{name[:40]}", f"Write this as text of at most {LONGEST} characters.")
        # Other names are for other receivers; one that only looks like ours is a mistake.
        near = get_close_matches(name.lower(), KNOWN, n=1, cutoff=0.8) if name not in KNOWN else []
        if near:
            raise _Refusal(400, f"metadata.{name[:40]}", f"Rodeo doesn’t know this name. Did you mean “{near[0]}”?")
    return metadata


def _token(metadata: dict[str, str]) -> CheckToken:
    token = queries.token_behind(metadata.get("token", "").strip())
    if token is None:
        raise _Refusal(
            401,
            "metadata.token",
            "The token is missing, wrong, revoked or expired. Create one on the page of the service’s deployment checks.",
        )
    token.note_use()
    return token


def _question(token: CheckToken, metadata: dict[str, str]) -> Question:
    if why := queries.about_another(token, metadata.get("service", "").strip()):
        raise _Refusal(400, "metadata.service", why)
    named = {each: metadata.get(each, "").strip() for each in NAMED}
    return Question(Asker.FLAGGER, token.name, service=token.service, **named)


def _answer(found: Answer) -> HttpResponse:
    if found.ready:
        return JsonResponse({"ready": True, "answer": found.sentence})
    errors = [{"code": str(found.verdict), "detail": found.sentence, "attr": None}]
    return problem_answer(problem(NOT_READY, errors, ready=False, verdict=str(found.verdict)))
