"""How every address under /api/ says no: a problem of RFC 9457, whatever refused, and whatever form was asked for."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.exceptions import ValidationError as Objection
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ErrorResponse
from rest_framework import exceptions, status
from rest_framework.permissions import SAFE_METHODS

from portal.kernel.transitions import AlreadyMoved

MEDIA_TYPE = "application/problem+json"
UNDER = "/api/"
LONGEST_SHOWN = 200

SIGN_IN = "Sign in first. Send an API token: “Authorization: Bearer rodeo_…”. Create one under /account/."
BROKEN = "Something went wrong on the server. It’s in the server’s log. Try again, or tell an administrator."
# What the server refuses before any endpoint is asked, by status: its code, and the sentence.
REFUSALS = {
    400: (
        "bad_request",
        "The request can’t be read, or names a host that this portal doesn’t serve. Check the address.",
    ),
    401: ("not_authenticated", SIGN_IN),
    403: ("permission_denied", "You can’t do this. Ask a lead or an administrator."),
    404: ("not_found", "There’s nothing at {path}. Every address is listed at /api/docs/, and ends with a slash."),
    405: (
        "method_not_allowed",
        "{method} isn’t possible here. Every address and its methods are listed at /api/docs/.",
    ),
    413: ("too_large", "The body is too large. Split it into several requests."),
    503: ("away", "The portal is busy or being updated. Nothing was saved. Try again."),
}
# Headers that speak of the body that the problem replaces.
OF_THE_BODY = frozenset(
    {"Content-Type", "Content-Length", "Content-Encoding", "Content-Disposition", "ETag", "Last-Modified"}
)


class Conflict(exceptions.APIException):
    """Somebody was first: the thing is no longer in a state this may leave."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "Someone else changed this first. Read it again."
    default_code = "conflict"


class Away(exceptions.APIException):
    """The database does not answer; trying again helps."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The database is unavailable or busy. Nothing was saved. Try again."
    default_code = "away"
    wait = 5


class TooBig(exceptions.APIException):
    """The body is larger than allowed."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "too_large"


class NoLength(exceptions.APIException):
    """The body comes in chunks, and would be taken for none."""

    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_detail = "Send the body with its Content-Length, not in chunks."
    default_code = "length_required"


def answerable(error: Exception) -> Exception:
    """Return the API's answer to what a verb raised; other errors come back as they are."""
    if isinstance(error, AlreadyMoved):
        return Conflict(str(error))
    if isinstance(error, Objection):
        return exceptions.ValidationError(error.message_dict if hasattr(error, "error_dict") else error.messages)
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied(str(error) or REFUSALS[403][1])
    if isinstance(error, OperationalError | InterfaceError):
        return Away()
    if isinstance(error, TooManyFieldsSent | TooManyFilesSent):
        return exceptions.ParseError("The form has too many fields or files.")
    if isinstance(error, RequestDataTooBig):
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // (1024 * 1024)
        return TooBig(f"The body is over {most} MB. Split it into several requests.")
    return error


def _shown(path: str) -> str:
    return path if len(path) <= LONGEST_SHOWN else f"{path[:LONGEST_SHOWN]}…"


def problem(code: int, errors: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return the members of a problem. `errors` has at least one; more members follow those of all problems."""
    first, others = errors[0], len(errors) - 1
    said = f"{first['attr']}: {first['detail']}" if first["attr"] else str(first["detail"])
    if others:
        said = f"{said} ({others} more under “errors”.)"
    return {
        "type": "about:blank",
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": said,
        "errors": errors,
        **more,
    }


def problem_answer(members: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return a problem as an answer. It is JSON even for those who asked for something else."""
    return HttpResponse(
        json.dumps(members, ensure_ascii=False, default=str),
        status=members["status"],
        content_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


class ProblemFormatter(ExceptionFormatter):
    """Writes what an endpoint raised as the members of a problem."""

    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        """Return the members."""
        errors = [
            {"code": each.code or "invalid", "detail": each.detail, "attr": each.attr} for each in error_response.errors
        ] or [{"code": "error", "detail": BROKEN, "attr": None}]
        return problem(self.exc.status_code, errors)


class ProblemHandler(ExceptionHandler):
    """Answers what an endpoint raised. What nobody expected is logged, and the answer says nothing of it."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        """Give errors of verbs and of Django their status, and those of the framework a sentence with the remedy."""
        exc = answerable(exc)
        request: Any = self.context["request"]
        view = self.context["view"]
        if isinstance(exc, exceptions.NotAuthenticated) and str(exc.detail) == exc.default_detail:
            exc.detail = exceptions.ErrorDetail(SIGN_IN, exc.default_code)
        elif isinstance(exc, Http404) or (isinstance(exc, exceptions.NotFound) and exc.detail == exc.default_detail):
            return exceptions.NotFound(f"There’s nothing at {_shown(request.path)}. Check the key or number.")
        elif isinstance(exc, exceptions.MethodNotAllowed):
            allowed = " or ".join(each for each in view.allowed_methods if each not in ("HEAD", "OPTIONS"))
            return exceptions.MethodNotAllowed(
                request.method, f"{request.method} isn’t possible here. Use {allowed or 'another address'}."
            )
        elif isinstance(exc, exceptions.NotAcceptable):
            known = ", ".join(dict.fromkeys(each.media_type for each in view.get_renderers()))
            return exceptions.NotAcceptable(f"This is never sent as that. Accept {known}.")
        elif isinstance(exc, exceptions.UnsupportedMediaType):
            known = " or ".join(dict.fromkeys(each.media_type for each in view.get_parsers()))
            return exceptions.UnsupportedMediaType("", f"The body’s Content-Type can’t be read here. Send {known}.")
        return exc

    def convert_unhandled_exceptions(self, exc: Exception) -> exceptions.APIException:
        """Say that it is broken, without saying how."""
        return exc if isinstance(exc, exceptions.APIException) else exceptions.APIException(BROKEN)

    def get_response(self, exc: exceptions.APIException, data: dict[str, Any]) -> Any:
        """Return the answer."""
        return problem_answer(data, self.get_headers(exc))


class ApiProblems:
    """Has errors that no endpoint answered be problems too: unknown addresses, refusals and faults of other middleware.

    It stands before all other middleware, so that it sees what they answer.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.get_response(request)
        if not request.path_info.startswith(UNDER):
            return answer
        if request.method not in SAFE_METHODS and not request.path_info.endswith("/"):
            # Sent on to the address with a slash, it would arrive there as a GET, and look as if it had been done.
            return _as_problem(request, answer, 404)
        is_problem = answer.get("Content-Type", "").startswith(MEDIA_TYPE)
        return answer if is_problem or answer.status_code < 400 else _as_problem(request, answer, answer.status_code)


def _as_problem(request: HttpRequest, answer: HttpResponseBase, code: int) -> HttpResponse:
    name, said = REFUSALS.get(code, ("error", BROKEN if code >= 500 else "The request was refused. See /api/docs/."))
    path = _shown(request.path)
    errors = [{"code": name, "detail": said.format(path=path, method=request.method), "attr": None}]
    found = problem_answer(problem(code, errors))
    for header, value in answer.items():
        if header not in OF_THE_BODY and header != "Location":
            found[header] = value
    found.cookies = answer.cookies
    found["Content-Length"] = str(len(found.content))
    return found
