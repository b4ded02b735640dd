"""Meanings of other systems' terms: types, statuses, and times."""

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
_TYPES = {term: meaning for meaning, terms in TYPES.items() for term in terms.split()}
_STATUSES = {term: meaning for meaning, terms in STATUSES.items() for term in terms.split()}
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


def normalised(term: str) -> str:
    """Return a term as the lists above spell it: "In Review" is in_review."""
    return re.sub(r"[^a-z0-9]+", "_", term.lower()).strip("_")


def type_of(term: str) -> str:
    """Guess the story type of a term; "" when it cannot be guessed. An empty one is a user story."""
    return _TYPES.get(normalised(term), "") if term.strip() else "user_story"


def progress_of(term: str) -> str:
    """Guess the progress of a status, never more than dev done; "" when it cannot be guessed."""
    return _STATUSES.get(normalised(term), "") if term.strip() else "todo"


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
