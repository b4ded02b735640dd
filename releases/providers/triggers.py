"""What started a CI run. It decides whether the run proves anything about the mainline (releases/evidence/run_verdicts.py)."""

from collections.abc import Mapping

PUSH, MERGE_QUEUE, TAG, SCHEDULE, REQUEST, MANUAL, API, BOT, FORK, OTHER = (
    "push",
    "merge_queue",
    "tag",
    "schedule",
    "pull_request",
    "manual",
    "api",
    "bot",
    "fork",
    "other",
)
TRIGGERS = (PUSH, MERGE_QUEUE, TAG, SCHEDULE, REQUEST, MANUAL, API, BOT, FORK, OTHER)
# How a page says it, after "started".
NAMES = {
    PUSH: "by a push",
    MERGE_QUEUE: "by a merge queue",
    TAG: "by a tag",
    SCHEDULE: "on a schedule",
    REQUEST: "for a pull request",
    MANUAL: "by hand",
    API: "over an API",
    BOT: "by a bot",
    FORK: "in a fork",
    OTHER: "by something else",
}
GITHUB_EVENTS = {
    "push": PUSH,
    "merge_group": MERGE_QUEUE,
    "release": TAG,
    "schedule": SCHEDULE,
    "pull_request": REQUEST,
    "pull_request_target": REQUEST,
    "pull_request_review": REQUEST,
    "pull_request_review_comment": REQUEST,
    "pull_request_comment": REQUEST,
    "workflow_dispatch": MANUAL,
    "repository_dispatch": API,
    # Dependabot, code scanning by default setup, pages: GitHub's own.
    "dynamic": BOT,
}
GITLAB_SOURCES = {
    "push": PUSH,
    "schedule": SCHEDULE,
    "merge_request_event": REQUEST,
    "external_pull_request_event": REQUEST,
    "web": MANUAL,
    "chat": MANUAL,
    "trigger": API,
    "api": API,
    # A result that another CI system gave: what started that, nobody tells.
    "external": "",
    "parent_pipeline": "",
}
# What scripts and other systems may call it.
WORDS: Mapping[str, str] = {
    **{name: name for name in TRIGGERS},
    **GITHUB_EVENTS,
    "commit": PUSH,
    "scm": PUSH,
    "webhook": PUSH,
    "merge": MERGE_QUEUE,
    "merge_train": MERGE_QUEUE,
    "mergequeue": MERGE_QUEUE,
    "cron": SCHEDULE,
    "scheduled": SCHEDULE,
    "nightly": SCHEDULE,
    "timer": SCHEDULE,
    "pr": REQUEST,
    "mr": REQUEST,
    "merge_request": REQUEST,
    "merge_request_event": REQUEST,
    "pullrequest": REQUEST,
    "user": MANUAL,
    "web": MANUAL,
    "ui": MANUAL,
    "explicit": MANUAL,
    "trigger": API,
    "unknown": "",
}


def trigger_of(text: str, table: Mapping[str, str] = WORDS) -> str:
    """Return the trigger that a system's own word means: "" for none, OTHER for a word that is not known.

    A word that is not known proves nothing: a run on a label or on a comment tests no mainline.
    """
    word = text.strip().lower().replace("-", "_").replace(" ", "_")
    return table.get(word, OTHER) if word else ""
