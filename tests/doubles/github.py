"""A GitHub that plays what its API documents: pages with Link, tags, windows of time, 401 and 404; an Enterprise server."""

import hashlib
import json
from collections import Counter
from typing import Any
from urllib.parse import urlencode

from tests.doubles.serving import Asked, Double, Reply

TOKEN = "ghp_made-up-token"
API = "/api/v3"
WITHIN = {"actions/runs": "workflow_runs", "check-runs": "check_runs"}


def limited(reset: int, *, status: int = 403) -> Reply:
    """A rate limit that is used up until a moment, in seconds since 1970."""
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
    return Reply({"message": "API rate limit exceeded"}, status, headers)


class GitHub(Double):
    """Repositories by name, and their lists by path ("pulls", "actions/runs", "deployments/7/statuses" ...).

    `hooks` gets what a webhook would send, if `webhooks` is set; else they are lost. `between` is called after each page.
    """

    def __init__(self) -> None:
        super().__init__()
        self.repositories: dict[str, dict[str, Any]] = {}
        self.lists: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.installation_token = ""
        self.webhooks = True
        self.hooks: list[tuple[str, dict[str, Any]]] = []
        self.between: Any = None

    def add(self, name: str, **more: Any) -> dict[str, Any]:
        """Make a repository."""
        repository = {
            "id": 100 + len(self.repositories),
            "full_name": name,
            "default_branch": "main",
            "has_issues": True,
            "html_url": f"https://github.example/{name}",
            "archived": False,
            **more,
        }
        self.repositories[name] = repository
        return repository

    def put(self, name: str, path: str, *objects: dict[str, Any]) -> None:
        """Add to a list; an object whose id is there already takes its place."""
        known = self.lists.setdefault((name, path), [])
        ids = {each.get("id", each.get("sha")) for each in objects}
        known[:] = [each for each in known if each.get("id", each.get("sha")) not in ids] + list(objects)

    def send(self, event: str, body: dict[str, Any]) -> None:
        """Send a webhook, unless webhooks are lost."""
        if self.webhooks:
            self.hooks.append((event, body))

    def kinds(self) -> Counter[str]:
        """Count requests: conditional or plain."""
        return Counter("conditional" if "if-none-match" in each.headers else "plain" for each in self.asked)

    def answer(self, asked: Asked) -> Reply:
        """Answer as GitHub does."""
        path = asked.path.removeprefix(API).strip("/")
        if path.startswith("app/installations/"):
            self.installation_token = "ghs_of-the-app"
            return Reply({"token": self.installation_token}, 201)
        if asked.headers.get("authorization") not in (f"Bearer {TOKEN}", f"Bearer {self.installation_token or '-'}"):
            return Reply({"message": "Bad credentials"}, 401)
        if path in ("user/repos", "installation/repositories"):
            within = "repositories" if path.startswith("installation") else ""
            return self._page(asked, list(self.repositories.values()), within)
        owner, _, rest = path.removeprefix("repos/").partition("/")
        name, _, rest = rest.partition("/")
        repository = self.repositories.get(f"{owner}/{name}")
        if repository is None:
            return Reply({"message": "Not Found"}, 404)
        if not rest:
            return self._tagged(asked, repository)
        return self._list(asked, f"{owner}/{name}", rest)

    def _list(self, asked: Asked, name: str, rest: str) -> Reply:
        if rest.startswith(("branches/", "commits/", "actions/runs/")) and not rest.endswith(
            ("statuses", "check-runs")
        ):
            within, _, id_ = rest.rpartition("/")
            one = next(
                (each for each in self.lists.get((name, within), []) if id_ in (each.get("sha"), str(each.get("id")))),
                None,
            )
            return self._tagged(asked, one) if one else Reply({"message": "Not Found"}, 404)
        rows = list(self.lists.get((name, rest), []))
        within = next((each for end, each in WITHIN.items() if rest.endswith(end)), "")
        if rest == "issues":
            rows = sorted((each for each in rows if each["updated_at"] >= asked.params["since"]), key=_updated)
        elif rest == "pulls":
            rows = sorted((each for each in rows if each["state"] == "closed"), key=_updated, reverse=True)
        elif rest == "commits":
            pass
        elif rest.endswith("/commits"):
            pass
        else:
            rows = sorted(rows, key=lambda each: (each.get("created_at", ""), each.get("id", 0)), reverse=True)
        if window := asked.params.get("created"):
            begin, _, end = window.partition("..")
            rows = [each for each in rows if begin <= each["created_at"] <= end]
        reply = self._page(asked, rows, within)
        if self.between:
            self.between(asked)
        return reply

    def _page(self, asked: Asked, rows: list[dict[str, Any]], within: str = "") -> Reply:
        size, page = int(asked.params.get("per_page", 30)), int(asked.params.get("page", 1))
        some, more = rows[(page - 1) * size : page * size], len(rows) > page * size
        headers = {}
        if more:
            query = urlencode({**asked.params, "page": page + 1})
            headers["Link"] = f'<https://github.internal{asked.path}?{query}>; rel="next"'
        return self._tagged(asked, {"total_count": len(rows), within: some} if within else some, headers)

    def _tagged(self, asked: Asked, document: Any, headers: dict[str, str] | None = None) -> Reply:
        body = json.dumps(document).encode()
        tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
        if asked.headers.get("if-none-match") == tag:
            return Reply(None, 304, {"ETag": tag})
        return Reply(body, headers={"ETag": tag, **(headers or {})})


def _updated(each: dict[str, Any]) -> str:
    return str(each["updated_at"])
