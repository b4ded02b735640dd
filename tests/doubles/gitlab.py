"""A GitLab that plays what its API documents: paging by number and by keyset, tags, updated_after, 401 and 404."""

import hashlib
import json
from typing import Any
from urllib.parse import unquote, urlencode

from tests.doubles.serving import Asked, Double, Reply

TOKEN = "glpat-made-up"


class GitLab(Double):
    """Projects by path, and their lists by name ("pipelines", "merge_requests", "merge_requests/7/commits" ...)."""

    def __init__(self) -> None:
        super().__init__()
        self.projects: dict[str, dict[str, Any]] = {}
        self.lists: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def add(self, path: str, **more: Any) -> dict[str, Any]:
        """Make a project."""
        project = {
            "id": 100 + len(self.projects),
            "path_with_namespace": path,
            "default_branch": "main",
            "web_url": f"https://gitlab.example/{path}",
            "last_activity_at": "2026-01-01T00:00:00Z",
            **more,
        }
        self.projects[path] = project
        return project

    def put(self, path: str, name: str, *objects: dict[str, Any]) -> None:
        """Add to a list of a project; an object whose id is there already takes its place."""
        known = self.lists.setdefault((path, name), [])
        ids = {each.get("id", each.get("tag_name")) for each in objects}
        known[:] = [each for each in known if each.get("id", each.get("tag_name")) not in ids] + list(objects)

    def answer(self, asked: Asked) -> Reply:
        """Answer as GitLab does."""
        if asked.headers.get("private-token") != TOKEN:
            return Reply({"message": "401 Unauthorized"}, 401)
        parts = asked.path.removeprefix("/api/v4/projects").strip("/").split("/")
        if parts == [""]:
            return self._keyset(asked)
        name = unquote(parts[0])
        project = next(
            (each for each in self.projects.values() if name in (str(each["id"]), each["path_with_namespace"])), None
        )
        if project is None:
            return Reply({"message": "404 Project Not Found"}, 404)
        if len(parts) == 1:
            return Reply(project)
        return self._numbered(asked, self.lists.get((project["path_with_namespace"], "/".join(parts[1:])), []))

    def _keyset(self, asked: Asked) -> Reply:
        after, size = int(asked.params.get("id_after", 0)), int(asked.params.get("per_page", 20))
        rows = [each for each in self.projects.values() if each["id"] > after]
        link = {}
        if len(rows) > size:
            query = urlencode({**asked.params, "id_after": rows[size - 1]["id"]})
            link = {"Link": f'<https://gitlab.internal/api/v4/projects?{query}>; rel="next"'}
        return Reply(rows[:size], headers=link)

    def _numbered(self, asked: Asked, rows: list[dict[str, Any]]) -> Reply:
        wanted = asked.params.get("order_by", "id")
        rows = sorted(rows, key=lambda each: str(each.get(wanted, "")), reverse=asked.params.get("sort") == "desc")
        if after := asked.params.get("updated_after"):
            rows = [each for each in rows if each["updated_at"] > after]
        if state := asked.params.get("state"):
            rows = [each for each in rows if each["state"] == state]
        size, page = int(asked.params.get("per_page", 20)), int(asked.params.get("page", 1))
        some, more = rows[(page - 1) * size : page * size], len(rows) > page * size
        tag = f'W/"{hashlib.sha256(json.dumps(some).encode()).hexdigest()[:32]}"'
        headers = {
            "ETag": tag,
            "X-Page": str(page),
            "X-Next-Page": str(page + 1) if more else "",
            "X-Total": str(len(rows)),
        }
        if asked.headers.get("if-none-match") == tag:
            return Reply(None, 304, headers)
        if more:
            query = urlencode({**asked.params, "page": page + 1})
            headers["Link"] = f'<https://gitlab.internal{asked.path}?{query}>; rel="next"'
        return Reply(some, headers=headers)
