"""Who may do what: the table of docs/permissions.md, read from the addresses and the marks on their views."""

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import getclosurevars
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

SAFE = ("GET", "HEAD", "OPTIONS")
WHO = {
    "public": "anyone",
    "reading": "every account; anyone with `RODEO_OPEN_READING`",
    "writing": "every account, for its own data and requests to it",
    "members": "members and leads of the squad concerned (of any squad, if there is none), administrators",
    "leads": "leads of the squad concerned, administrators",
    "planners": "project managers, members and leads of any squad, administrators",
    "answers": "the release’s owner, project managers, administrators; no squad token",
    "founders": "project managers, administrators; administrators can allow everyone, or only themselves, under *Access*",
    "managers": "project managers, administrators",
    "administrators": "administrators",
    "reports": "sources, and squads’ API tokens with the scope report",
    "": "no one: it has no mark yet",
}
INTRODUCTION = """# Who may do what

Written by `manage.py permissions > docs/permissions.md` from the marks on the views (`portal/kernel/policy.py`, and `marks` of an
endpoint); tests compare it, and open every address in every role.

| role | how to get it | what it adds |
|---|---|---|
| anyone | without an account | signing in, health checks; with `RODEO_OPEN_READING` all reading |
| reader | an account: invited, or by the company’s own sign-in | reads everything; edits their account |
| member | a lead or an administrator adds or invites one | the squad’s stories, evidence, services; environments; releases |
| lead | creates the squad, or a lead makes them one | the squad’s details, board settings, people, tokens; invites people |
| project manager | an administrator sets the role | plans releases and any squad’s stories; environments; creates squads |
| administrator | an administrator sets the role | everything everywhere: sources, people, access rules, the audit log |

Under *Administration*, *Access*, they decide who creates squads (at first: project managers and administrators), whether
leads can invite people, and from which mail domains people may come. There is always an administrator.

A squad with members always has a lead; only an administrator can remove the last one. Accepters are members who can accept the
squad’s stories in production. Everyone can leave a squad.

Everyone with an account can comment on any story and watch it. Only its author can change a comment. Only the person asked, or an
accepter of the squad, can answer a request for acceptance; administrators can’t. Shared views can be deleted by the person
who saved them and by leads. Only project managers and administrators can change which environments are production.

A release’s owner, project managers and administrators answer for it. Rows marked *answers* are for them alone, such as
overriding a gate or abandoning a release. They alone change its owner, its line and its release date.

API tokens can do what their owner can (a squad’s token: what a member can), within their scopes: *read* for GET, *write* for
every change, *report* for reports about the squad’s own services and stories. Passwords work for the API only without two-step
sign-in. Project managers can set a story’s release, in the API as well, but nothing else about it. People in both squads, project
managers and administrators can move a story to another squad.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One address: its name, route, what may be asked of it, and the mark that says who may."""

    name: str
    route: str
    methods: tuple[str, ...]
    mark: str


def addresses(
    patterns: list[Any] | None = None, names: tuple[str, ...] = (), route: str = "/"
) -> Iterator[tuple[str, str, Any]]:
    """Yield name, route and view of every address but the admin pages', which Django guards (staff only)."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        here = route + str(each.pattern).lstrip("^")
        if isinstance(each, URLResolver):
            if each.app_name != "admin":
                yield from addresses(each.url_patterns, (*names, each.namespace) if each.namespace else names, here)
        elif isinstance(each, URLPattern):
            yield ":".join((*names, each.name or "")), here.removesuffix("$"), each.callback


def rows() -> list[Row]:
    """Return the table, by address: one row for reading and one for each way of changing something."""
    found = [row for name, route, view in addresses() for row in _rows(name, route, view)]
    return sorted(found, key=lambda row: (row.route.startswith("/api/"), row.route, row.methods != ("GET",), row.name))


def _rows(name: str, route: str, view: Any) -> Iterator[Row]:
    cls = getattr(view, "cls", None)
    if cls is None:
        yield Row(name, route, _methods(view), getattr(view, "policy", ""))
        return
    if "(?P<format>" in route:
        return
    marks = getattr(cls, "marks", {})
    for method, action in sorted(getattr(view, "actions", {"get": ""}).items()):
        if method.upper() in SAFE:
            if method == "get":
                yield Row(name, route, ("GET",), marks.get(action, "reading"))
        else:
            yield Row(name, route, (method.upper(),), marks.get(action, ""))


def _methods(view: Any) -> tuple[str, ...]:
    """Return what a function view answers to: as its require_… decorator says, else GET and POST."""
    while view is not None:
        if cls := getattr(view, "view_class", None):
            return tuple(method for method in ("GET", "POST") if hasattr(cls, method.lower()))
        allowed = getclosurevars(view).nonlocals.get("request_method_list") if hasattr(view, "__code__") else None
        if allowed is not None:
            return tuple(method for method in allowed if method != "HEAD")
        view = getattr(view, "__wrapped__", None)
    return ("GET", "POST")


def document() -> str:
    """Return docs/permissions.md."""
    lines = [INTRODUCTION]
    for title, api in (("Pages", False), ("API", True)):
        lines += [f"## {title}\n", "| address | methods | mark | who | name |", "|---|---|---|---|---|"]
        for row in rows():
            if row.route.startswith("/api/") is api:
                route = row.route.replace("|", "\\|")
                lines.append(f"| `{route}` | {', '.join(row.methods)} | {row.mark} | {WHO[row.mark]} | `{row.name}` |")
        lines.append("")
    lines.append("The admin pages under `/admin/` are for administrators. Their sign-in is the portal’s own.\n")
    return "\n".join(lines)
