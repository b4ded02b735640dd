"""How the API describes itself (docs/openapi.yaml): every status that can come, every limit, and how to sign in."""

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any, Literal

from drf_spectacular.authentication import BasicScheme, SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from rest_framework import serializers

from portal.kernel.problems import MEDIA_TYPE
from portal.kernel.request_fields import LONGEST_PARAMETER, Body

# What the numbers of rows can be.
LARGEST = 2**63 - 1
# Texts in addresses, by the name of the part; others are anything but a slash.
PARTS = {"slug": "^[-a-zA-Z0-9_]+$", "key": "^[A-Za-z][A-Za-z0-9_]*-[0-9]+$"}
ANY_PART = "^[^/]+$"
WAIT = {"Retry-After": {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}}}
SIGN_IN = {"WWW-Authenticate": {"description": "How to sign in.", "schema": {"type": "string"}, "required": True}}
# Refusals are described once, under components.
REFUSALS: dict[str, tuple[str, dict[str, Any]]] = {
    "400": ("What was sent doesn’t fit. `errors` names each field or parameter.", {}),
    "401": ("Not signed in, or the token or password is wrong.", SIGN_IN),
    "403": ("This person or token may not do that.", {}),
    "404": ("There’s nothing at this address.", {}),
    "406": ("Accept asks for something other than what is sent.", {}),
    "409": ("Someone else was first, or this was already done. Read it again.", {}),
    "411": ("The body came without its Content-Length.", {}),
    "413": ("The body is too large.", {}),
    "415": ("The body’s Content-Type can’t be read here.", {}),
    "429": ("Too many failed sign-ins with a password.", WAIT),
    "500": ("A fault. It’s in the server’s log.", {}),
    "503": ("The database is unavailable or busy. Nothing was saved. Try again.", WAIT),
}


class Objected(serializers.Serializer):
    """One error. `attr` is the field or parameter it is about, if any."""

    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(allow_null=True)


class Problem(serializers.Serializer):
    """Why a request was refused, as RFC 9457 has it."""

    type = serializers.CharField(
        help_text="Always about:blank. `status` and the codes under `errors` say which problem it is."
    )
    title = serializers.CharField(help_text="The status in words.")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What is wrong, and what to do.")
    errors = Objected(many=True, help_text="Everything that is wrong. At least one.")


class Schema(AutoSchema):
    """Adds to what the serializers say: the refusals, with one shape, and limits that only the portal knows."""

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        self.resolve_serializer(Problem, "response")
        for code in self._refusals():
            bodies.setdefault(code, {"$ref": f"#/components/responses/{code}"})
        if getattr(self.view, "leads_on", False) and "{" in self.path:
            code = "301" if self.method == "GET" else "308"
            bodies[code] = {"description": "It was renamed, and is at the address in Location now."}
        return dict(sorted(bodies.items()))

    def _refusals(self) -> Iterator[str]:
        yield from ("401", "403", "406", "500", "503")
        writes = self.method in ("POST", "PUT", "PATCH", "DELETE")
        lists = self.method == "GET" and getattr(self.view, "action", "") == "list"
        asked = [each["name"] for each in self._get_parameters() if each["in"] == "query"]
        if writes or lists or asked:
            yield "400"
        # A format that there isn't is an address that there isn't.
        if "{" in self.path or lists or "format" in asked:
            yield "404"
        if writes:
            yield "409"
        if writes and not getattr(self.view, "reads_chunks", False):
            yield "411"
        if writes and self._get_request_body():
            yield "413"
            if not getattr(self.view, "reads_chunks", False):
                yield "415"
        if any("basicAuth" in each for each in self.get_auth()):
            yield "429"

    def _get_parameters(self) -> Any:
        parameters = super()._get_parameters()
        for each in parameters:
            _limit_parameter(each, self.path_regex)
        return parameters

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        described = super()._map_basic_serializer(serializer, direction)
        body = force_instance(serializer)
        if isinstance(body, Body):
            described["additionalProperties"] = False
            if body.example:
                described["example"] = body.example
        return described

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        if isinstance(field, serializers.ChoiceField) and _is_empty_sometimes(field):
            field.allow_blank = True
        described = super()._map_serializer_field(field, direction, bypass_extensions)
        if not described or direction != "request":
            return described
        rows: Any = getattr(field, "queryset", None)
        if isinstance(field, serializers.SlugRelatedField) and rows is not None:
            column = rows.model._meta.get_field(field.slug_field)
            return described | {"minLength": 1} | ({"maxLength": column.max_length} if column.max_length else {})
        longest, most = getattr(field, "longest", None), getattr(field, "most", None)
        return described | ({"maxLength": longest} if longest else {}) | ({"maxItems": most} if most else {})


def _is_empty_sometimes(field: Any) -> bool:
    """Say whether a column may be empty, which the framework forgets of fields that are only read."""
    if not isinstance(field.parent, serializers.ModelSerializer) or "." in field.source:
        return False
    model: Any = field.parent.Meta.model
    columns = {each.name: each for each in model._meta.get_fields()}
    return bool(getattr(columns.get(field.source), "blank", False))


def _limit_parameter(parameter: dict[str, Any], address: str) -> None:
    """Say what a part of an address or a parameter can be at most, where nothing more exact is known."""
    said = parameter["schema"]
    if parameter["in"] == "path" and said.get("type") == "integer":
        parameter["schema"] = {**said, "minimum": 0, "maximum": LARGEST}
    elif parameter["in"] == "path" and not {"pattern", "format", "enum"} & said.keys():
        # What an address takes as any text is called a slug, and needn't be one.
        is_any = parameter["name"] == "slug" and "<str:slug>" in address
        pattern = ANY_PART if is_any else PARTS.get(parameter["name"], ANY_PART)
        parameter["schema"] = {"type": "string", "pattern": pattern}
    elif parameter["in"] == "query":
        if said.get("type") == "string" and not {"enum", "format"} & said.keys():
            parameter["schema"] = {"maxLength": LONGEST_PARAMETER, **said}
        if parameter["name"] not in ("page", "page_size"):
            # As good as left out.
            parameter["allowEmptyValue"] = True


def add_refusals(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Describe the refusals that the operations refer to. A hook of drf-spectacular."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    result["components"]["responses"] = {
        code: {"description": said, **({"headers": headers} if headers else {}), "content": content}
        for code, (said, headers) in REFUSALS.items()
    }
    return result


def add_links(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say where what was created is found again: links from creating it to reading, changing and deleting it.

    A hook of drf-spectacular. What names the new thing in addresses is the field of the answer with that name.
    """
    paths, schemas = result["paths"], result["components"]["schemas"]
    for path, operations in paths.items():
        created = operations.get("post", {}).get("responses", {}).get("201")
        if created is None:
            continue
        for other, on_it in paths.items():
            rest = other.removeprefix(path)
            if other == path or not other.startswith(path) or not (rest.startswith("{") and rest.count("/") == 1):
                continue
            name = rest[1:-2]
            (content,) = created["content"].values()
            fields = schemas[content["schema"]["$ref"].rpartition("/")[2]]["properties"]
            if name in fields:
                created["links"] = {
                    operation["operationId"]: {
                        "operationId": operation["operationId"],
                        "parameters": _where(path, name),
                    }
                    for operation in on_it.values()
                }
    return result


def _where(path: str, name: str) -> dict[str, str]:
    parts = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return {part: f"$request.path.{part}" for part in parts} | {name: f"$response.body#/{name}"}


class PasswordScheme(BasicScheme):
    """How the schema describes signing in with a password."""

    target_class = "portal.accounts.authentication.Passwords"


class BrowserScheme(SessionScheme):
    """How the schema describes the session of a browser."""

    target_class = "portal.accounts.authentication.Sessions"


class TokenScheme(OpenApiAuthenticationExtension):
    """How the schema describes signing in with an API token."""

    target_class = "portal.accounts.authentication.Tokens"
    name = "apiToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token. Create one under Your account, or ask a lead for a squad's token.",
        }


class ServedSchema(SchemaGenerator):  # type: ignore[no-untyped-call]
    """The description of the whole API, which is the same for everyone and as long as the process lives: made once."""

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        """Return a description of one's own: whoever serves it may change it."""
        return deepcopy(_description())


@cache
def _description() -> dict[str, Any]:
    return SchemaGenerator().get_schema(public=True)  # type: ignore[no-any-return,no-untyped-call]
