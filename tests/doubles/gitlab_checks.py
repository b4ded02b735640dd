"""A GitLab that waits for the answers to external status checks of one merge request."""

import json
from typing import Any

from tests.doubles.serving import Asked, Double, Reply

TOKEN = "glpat-made-up"


class GitLabChecks(Double):
    """`head` is the newest commit of project 7's merge request 3; only answers about it count."""

    def __init__(self, head: str) -> None:
        super().__init__()
        self.head = head
        self.answers: list[str] = []
        self.complaints: list[str] = []

    def answer(self, asked: Asked) -> Reply:
        """Answer as GitLab does."""
        if asked.headers.get("private-token") != TOKEN:
            return self._refuse(401, "401 Unauthorized")
        if asked.method != "POST" or asked.path != "/api/v4/projects/7/merge_requests/3/status_check_responses":
            return self._refuse(404, f"nothing at {asked.path}")
        said: dict[str, Any] = json.loads(asked.body)
        if set(said) != {"sha", "external_status_check_id", "status"} or said["external_status_check_id"] != 1:
            return self._refuse(400, f"wrong fields {said}")
        if said["status"] not in ("passed", "failed", "pending"):
            return self._refuse(400, f"no status {said['status']}")
        if said["sha"] != self.head:
            return Reply({"message": "sha does not match HEAD"}, 409)
        self.answers.append(said["status"])
        return Reply({"id": 1, "status": said["status"]}, 201)

    def _refuse(self, status: int, why: str) -> Reply:
        self.complaints.append(why)
        return Reply({"message": why}, status)
