"""Translates Buildbot's builds into facts. HttpStatusPush and the REST API send them in the same form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from releases.providers import facts, parse, triggers
from releases.providers.buildbot.status_tables import NAMES, RESULTS
from releases.providers.facts import RunSeen, Seen, Unreadable
from releases.providers.payloads import JsonObject
from releases.providers.web_urls import host_of, link, path_of

BUILD_URL = re.compile(r"builders/(\d{1,18})/builds/(\d{1,18})")
REVISION_PROPERTY = "got_revision"
# Buildbot's own words for why a build set began, such as "The Nightly scheduler named 'night' triggered this build".
SCHEDULER = re.compile(r"The (\w+) scheduler named")
SCHEDULERS = {
    "Nightly": triggers.SCHEDULE,
    "Periodic": triggers.SCHEDULE,
    "NightlyTriggerable": triggers.SCHEDULE,
    "Scheduler": triggers.PUSH,
    "SingleBranchScheduler": triggers.PUSH,
    "AnyBranchScheduler": triggers.PUSH,
    "Dependent": triggers.PUSH,
    "Try_Jobdir": triggers.REQUEST,
    "Try_Userpass": triggers.REQUEST,
    "ForceScheduler": triggers.MANUAL,
}
BY_HAND = ("force build", "a build was forced", "rebuild")


@dataclass(frozen=True, slots=True)
class BuiltRevision:
    """The revision that was built. `sha` is empty where that is no commit: before a checkout, and with a patch on top."""

    sha: str = ""
    branch: str = ""
    repository: str = ""


def build_page(base_url: str, builder: str, number: str) -> str:
    """Return the URL of a build's page in Buildbot."""
    return f"{base_url.rstrip('/')}/#/builders/{builder}/builds/{number}"


def source_url(config: JsonObject) -> str:
    """Return the URL of the source; "" for one with webhooks only."""
    return parse.text_in(config, "url")


def built_revision(build: JsonObject, codebase: str) -> BuiltRevision:
    """Return the revision that was built. With several codebases it is that of `codebase`, or empty where that is not set.

    The revision that was checked out counts, not the one that was requested.
    """
    stamps = parse.object_in(build, "buildset").get("sourcestamps")
    found = [each for each in stamps if isinstance(each, Mapping)] if isinstance(stamps, list) else []
    if codebase:
        found = [each for each in found if parse.text_in(each, "codebase") == codebase]
    if len(found) != 1:
        return BuiltRevision()
    stamp = found[0]
    got = parse.object_in(build, "properties").get(REVISION_PROPERTY)
    value = got[0] if isinstance(got, list) and got else got
    if isinstance(value, Mapping):
        value = value.get(parse.text_in(stamp, "codebase"))
    sha = "" if stamp.get("patch") else parse.sha(value if isinstance(value, str) else parse.text_in(stamp, "revision"))
    branch = parse.cut(parse.text_in(stamp, "branch").removeprefix("refs/heads/"), 250)
    return BuiltRevision(sha, branch, parse.repository(parse.text_in(stamp, "repository")))


def build(payload: JsonObject, received: datetime | None, config: JsonObject, source: str = "") -> list[Seen]:
    """Return the run of a build. Its key is master, builder and number; it has no outcome until it is complete.

    The master in the key is the source's URL, or else the one in the build's own URL.
    """
    builder = parse.object_in(payload, "builder")
    url = parse.text_in(payload, "url")
    builder_id, number = _builder_and_number(payload, builder, url)
    base_url = source_url(config) or url.partition("#")[0]
    results = parse.text_in(payload, "results")
    is_complete = payload.get("complete") is True or parse.text_in(payload, "event") == "finished"
    started, completed = parse.unix_time(payload.get("started_at")), parse.unix_time(payload.get("complete_at"))
    sent_at = parse.unix_time(payload.get("timestamp"))
    completed = (completed or sent_at) if is_complete else None
    at = completed or started or sent_at or received
    if at is None:
        raise Unreadable("started_at and complete_at are missing, and it’s unknown when the message arrived")
    revision = built_revision(payload, parse.text_in(config, "codebase"))
    return [
        RunSeen(
            key=parse.key_of(
                f"{parse.installation(host_of(base_url), source, 'buildbot')}/{path_of(base_url)}",
                f"builders/{builder_id}/builds/{number}",
            ),
            numbered_at=started,
            at=at,
            phase=facts.FINISHED if is_complete else facts.RUNNING,
            outcome=RESULTS.meaning_of(results).outcome if is_complete else "",
            raw_status=_raw_status(payload, results, is_complete),
            repository=revision.repository,
            branch=revision.branch,
            trigger=_trigger(payload),
            sha=revision.sha,
            started_at=started,
            finished_at=completed,
            pipeline=parse.cut(
                parse.text_in(builder, "name") or parse.text_in(payload, "buildername") or f"builder {builder_id}", 250
            ),
            url=link(build_page(base_url, builder_id, number) if base_url else url),
        )
    ]


def _trigger(build: JsonObject) -> str:
    """Return what began a build, from the reason of its build set; "" where that does not tell."""
    reason = parse.text_in(parse.object_in(build, "buildset"), "reason")
    scheduler = SCHEDULER.search(reason)
    if scheduler:
        return SCHEDULERS.get(scheduler[1], "")
    return triggers.MANUAL if reason.strip().lower().startswith(BY_HAND) else ""


def _builder_and_number(payload: JsonObject, builder: JsonObject, url: str) -> tuple[str, str]:
    """Return the id of the builder and the number of the build, from fields or from the build's URL; or Unreadable."""
    in_url = BUILD_URL.search(url)
    number = parse.text_in(payload, "number") or (in_url[2] if in_url else "")
    builder_id = (
        parse.text_in(payload, "builderid") or parse.text_in(builder, "builderid") or (in_url[1] if in_url else "")
    )
    if not number or not builder_id:
        raise Unreadable("the build's number or builderid is missing, and its url doesn’t have them")
    return builder_id, number


def _raw_status(payload: JsonObject, results: str, is_complete: bool) -> str:
    state = parse.text_in(payload, "state_string")
    if not is_complete:
        return parse.cut(state or "building", 250)
    name = NAMES.get(results) or f"results {results or 'missing'}"
    return parse.cut(f"{name}: {state}" if state else name, 250)
