"""A Jenkins that plays its JSON API: tree questions with ranges, folders, multibranch jobs, the crumb issuer, 401, 404."""

import base64
import re
from typing import Any
from urllib.parse import quote, unquote

from tests.doubles.serving import Asked, Double, Reply

USER, TOKEN = "rodeo", "11made-up"
FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"
MULTIBRANCH = "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"
RANGE = re.compile(r"\{(\d+),(\d+)\}")


class Jenkins(Double):
    """Jobs and folders by path; a job holds its builds, newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.folders: dict[tuple[str, ...], str] = {(): "hudson.model.Hudson"}
        self.builds: dict[tuple[str, ...], list[dict[str, Any]]] = {}

    def folder(self, *parts: str, kind: str = FOLDER) -> None:
        """Make a folder, or a multibranch job."""
        self.folders[parts] = kind

    def build(self, *parts: str, number: int, **said: Any) -> dict[str, Any]:
        """Make a build, or change one."""
        url = "".join(f"job/{quote(part, safe='')}/" for part in parts)
        made = {
            "_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun",
            "number": number,
            "result": "SUCCESS",
            "building": False,
            "timestamp": 1_700_000_000_000 + number * 60_000,
            "duration": 30_000,
            "url": f"http://jenkins.example/{url}{number}/",
            "fullDisplayName": f"{' » '.join(parts)} #{number}",
            "actions": [{}],
            **said,
        }
        builds = [each for each in self.builds.get(parts, []) if each["number"] != number]
        self.builds[parts] = sorted([*builds, made], key=lambda each: -int(each["number"]))
        return made

    def answer(self, asked: Asked) -> Reply:
        """Answer as Jenkins does."""
        wanted = "Basic " + base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        if asked.headers.get("authorization") != wanted:
            return Reply(b"<html>Unauthorized</html>", 401)
        if asked.path == "/crumbIssuer/api/json":
            return Reply({"crumb": "c", "crumbRequestField": "Jenkins-Crumb"})
        if asked.method == "POST" and asked.headers.get("jenkins-crumb") != "c":
            return Reply(b"<html>No valid crumb was included in the request</html>", 403)
        steps = asked.path.removesuffix("/api/json").strip("/").split("/")
        number = int(steps.pop()) if steps[-1].isdecimal() else 0
        parts = tuple(unquote(step) for step in steps[1::2])
        found = self._object(parts, number, asked.params.get("tree", ""))
        return Reply(found) if found is not None else Reply(b"<html>Not Found</html>", 404)

    def _object(self, parts: tuple[str, ...], number: int, tree: str) -> dict[str, Any] | None:
        if number:
            return next((each for each in self.builds.get(parts, []) if each["number"] == number), None)
        if parts in self.folders:
            inner = [each for each in [*self.folders, *self.builds] if each and each[:-1] == parts]
            return {"_class": self.folders[parts], "jobs": [self._job(each) for each in inner]}
        if parts not in self.builds:
            return None
        builds, found = self.builds[parts], RANGE.search(tree)
        some = builds[int(found[1]) : int(found[2])] if found else builds
        if "[number,timestamp]" in tree and not found and "lastBuild" not in tree:
            some = [{"number": each["number"], "timestamp": each["timestamp"]} for each in some]
        name = "allBuilds" if "allBuilds" in tree else "builds"
        return {**self._job(parts), name: some if name == "allBuilds" else some[:100]}

    def _job(self, parts: tuple[str, ...]) -> dict[str, Any]:
        if parts in self.folders:
            return {"_class": self.folders[parts], "name": parts[-1]}
        numbers = [each["number"] for each in self.builds[parts]]
        ended = [each["number"] for each in self.builds[parts] if not each["building"]]
        last, completed = max(numbers, default=0), max(ended, default=0)
        began = next((each["timestamp"] for each in self.builds[parts] if each["number"] == last), 0)
        return {
            "_class": "org.jenkinsci.plugins.workflow.job.WorkflowJob",
            "name": parts[-1],
            "lastBuild": {"number": last, "timestamp": began} if last else None,
            "lastCompletedBuild": {"number": completed} if completed else None,
        }
