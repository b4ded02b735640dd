"""Meanings of other systems' terms: types and statuses."""

import re
import unicodedata
from functools import lru_cache

LEAVE_OUT = "leave_out"
# How work ended that nobody will do: its story is closed so.
ENDINGS = {"cancelled": "cancelled", "duplicate": "closed as a duplicate"}
GIVEN_UP = {LEAVE_OUT, *ENDINGS}
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
    "cancelled": "rejected wont_do won_t_do wont_fix won_t_fix cancelled canceled invalid abandoned obsolete "
    "closed_not_planned declined",
    "duplicate": "duplicate closed_duplicate closed_as_duplicate",
}
_TYPES = {term: meaning for meaning, terms in TYPES.items() for term in terms.split()}
_STATUSES = {term: meaning for meaning, terms in STATUSES.items() for term in terms.split()}
# A category that says only that work is not done yet: the word decides how far it is.
NOT_DONE = "not_done"


@lru_cache(4096)
def word(term: str) -> str:
    """Return a term as it is known again: in any script, itself. Letters count, capitals and spaces do not."""
    return " ".join(unicodedata.normalize("NFC", term).split()).casefold()


@lru_cache(4096)
def normalised(term: str) -> str:
    """Return a term as the lists above spell it: "In Review" is in_review. For guesses only: two terms may come to one."""
    return re.sub(r"[\W_]+", "_", term.lower()).strip("_")


def type_of(term: str) -> str:
    """Guess the story type of a term; "" when it cannot be guessed. An empty one is a user story."""
    return _TYPES.get(normalised(term), "") if term.strip() else "user_story"


def progress_of(term: str, category: str = "") -> str:
    """Guess the progress of a status, never more than dev done, or how it ended (ENDINGS); "" when it cannot be guessed.

    `category` is what its own system takes it for: one of ours, or NOT_DONE. It counts for more than the word, but for work
    that is given up, which other systems take for done.
    """
    guess = _STATUSES.get(normalised(term), "") if term.strip() else "todo"
    if not guess and ":" in term and (resolved := _STATUSES.get(normalised(term.rpartition(":")[2]))) in GIVEN_UP:
        # A status with its resolution: "Done: Won't Do".
        guess = resolved or ""
    if guess in GIVEN_UP or not category:
        return guess
    if category == NOT_DONE:
        return "in_progress" if guess == "dev_done" else guess
    return category
