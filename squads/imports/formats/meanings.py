"""What the words of other systems mean here: types, statuses, moments."""

import re
from datetime import UTC, datetime

LEAVE_OUT = "leave_out"
TYPES = {
    "user_story": "story user_story userstory feature new_feature enhancement improvement epic requirement card idea request "
    "feature_request question",
    "defect": "bug defect incident fault error regression problem fix hotfix",
    "chore": "chore task sub_task subtask technical_task tech_debt spike documentation maintenance refactoring refactor "
    "dependencies support",
}
STATUSES = {
    "todo": "todo to_do open opened new backlog ready reopened selected_for_development next icebox planned unstarted "
    "product_backlog sprint_backlog ready_for_dev ready_for_development triage inbox ideas this_week needs_info",
    "in_progress": "in_progress doing wip started in_development development dev in_review review code_review "
    "under_review blocked on_hold active working ongoing waiting pull_request",
    "dev_done": "done dev_done closed resolved complete completed finished fixed merged released deployed live shipped "
    "accepted verified ready_for_test ready_for_testing in_test in_testing testing test qa in_qa ready_for_qa "
    "ready_for_release ready_for_deployment integrated tested rodeo_done archived",
    LEAVE_OUT: "rejected wont_do won_t_do wont_fix won_t_fix duplicate cancelled canceled invalid abandoned obsolete "
    "closed_not_planned closed_duplicate declined",
}
_TYPES = {word: meaning for meaning, words in TYPES.items() for word in words.split()}
_STATUSES = {word: meaning for meaning, words in STATUSES.items() for word in words.split()}
# Written by Jira's CSV export, and by people; day before month only where it cannot be the other way round.
FORMATS = (
    "%d/%b/%y %I:%M %p",
    "%d/%b/%Y %I:%M %p",
    "%d/%b/%y %H:%M",
    "%d/%b/%Y %H:%M",
    "%d/%b/%y",
    "%d/%b/%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d %b %Y %H:%M",
    "%d %b %Y",
    "%b %d, %Y",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
)
LONGEST = 60


def plain(word: str) -> str:
    """Return a word as the lists above write it: "In Review" is in_review."""
    return re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_")


def type_of(word: str) -> str:
    """Guess the type that a word means; "" when it cannot be guessed. No word at all is a user story."""
    return _TYPES.get(plain(word), "") if word.strip() else "user_story"


def progress_of(word: str) -> str:
    """Guess the progress that a status means, never more than dev done; "" when it cannot be guessed."""
    return _STATUSES.get(plain(word), "") if word.strip() else "todo"


def moment(text: str) -> datetime | None:
    """Read a moment; one without a zone is UTC. None for what is no moment, or could be two."""
    text = text.strip()
    if not text or len(text) > LONGEST:
        return None
    found = None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        for form in FORMATS:
            try:
                found = datetime.strptime(text, form)
            except ValueError:
                continue
            break
    if found is None or not 1970 <= found.year <= 9000:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
