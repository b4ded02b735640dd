"""What monitors and load balancers ask. All of it is answered without a database, too."""

import redis
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from portal.kernel.policy import public
from portal.ops import health, metrics


def _fresh(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response


@public
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process is alive, and nothing else."""
    return _fresh(JsonResponse({"alive": True}))


@public
@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    """How much waits and how far behind it is, as Prometheus reads it; 503 while database or broker are away."""
    try:
        text = metrics.exposition()
    except (DatabaseError, OSError, redis.RedisError, ValueError) as error:
        response = HttpResponse(f"# unknown: {type(error).__name__}; /status says what is away\n", status=503)
        response._has_been_logged = True  # type: ignore[attr-defined]
        return _fresh(response)
    return _fresh(HttpResponse(text, content_type=CONTENT_TYPE_LATEST))


@public
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether this process can serve people: database and keys are there. 503 if not; the balancer goes elsewhere."""
    return _answer("ready", health.readiness())


@public
@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Say what somebody must look at, part by part: 503 if there is anything, though people may be served all the same."""
    return _answer("ok", health.look())


def _answer(word: str, checks: list[health.Check]) -> HttpResponse:
    ok = all(check.ok for check in checks)
    payload = {word: ok, "checks": {check.name: check.as_json() for check in checks}}
    response = _fresh(JsonResponse(payload, status=200 if ok else 503, json_dumps_params={"indent": 2}))
    # Django logs every 503 as an error of ours; monitors ask often, and the answer itself says what is wrong.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
