"""What monitors and load balancers ask. Neither page needs a database to answer."""

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
        response = HttpResponse(f"# unknown: {type(error).__name__}; /readyz says what is away\n", status=503)
        response._has_been_logged = True  # type: ignore[attr-defined]
        return _fresh(response)
    return _fresh(HttpResponse(text, content_type=CONTENT_TYPE_LATEST))


@public
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether everything the portal needs is there, part by part; 503 if anything is not."""
    checks = health.look()
    ready = all(check.ok for check in checks)
    payload = {"ready": ready, "checks": {check.name: check.as_json() for check in checks}}
    response = _fresh(JsonResponse(payload, status=200 if ready else 503, json_dumps_params={"indent": 2}))
    # Django logs every 503 as an error of ours; monitors ask often, and the answer itself says what is wrong.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
