"""Sentences that have somebody as the cause, by their form: who did it, by whom it was done, against which advice."""

import re
from collections.abc import Iterator

from squads.language_coach import words
from squads.language_coach.reading import Sentence

Hit = tuple[int, int, str]

PERSON = "|".join(sorted(words.PEOPLE - {"i", "he", "she"}, key=lambda word: -len(word)))
# An operator or an agent may be a program.
NO_PROGRAM = "|".join(
    sorted(words.PEOPLE - {"i", "he", "she", "owner", "author"} - words.PROGRAMS_TOO, key=lambda word: -len(word))
)
SOMEBODY = (
    rf"(?:an?|the|our|one of (?:our|the|their)|some|another) (?:[\w'-]+ ){{0,4}}?(?:{NO_PROGRAM}|new (?:hire|starter|joiner)|"
    rf"(?:team|staff|crew|squad) member|"
    r"member of (?:the|our|their) (?:[\w-]+ ){0,2}?(?:team|staff|crew|squad))"
)
GROUP = r"(?:the|our|this|another) (?:[\w-]+ ){0,3}?(?:team|squad|company|department|vendor|management|crew|group)"
CAUSE_OF_IT = (
    r"(?:(?:root|primary|main|immediate|proximate|direct|underlying|initial|likely|probable|actual|real) )?"
    r"(?:cause|reason|culprit|trigger)s?(?: (?:of|for|behind) [^.;:]{1,60}?)?"
)
DOES = rf"(?: (?:who|had|has|then|\w+ly))* (?:\w+ing|\w+ed|{words.PAST})\b"
# What a cause is said to be: “the root cause was an engineer running …”, “triggered by an administrator mistyping …”.
CAUSE = re.compile(
    rf"\b{CAUSE_OF_IT}(?: (?:was|is|were|had been)(?: that)? {SOMEBODY}|: (?:{SOMEBODY}|(?:\w+ )?(?:{PERSON}))){DOES}"
    r"|\b(?:caused|triggered|introduced|initiated|set off|brought (?:on|about)|due to|because of|down to|result of|traced "
    r"(?:back )?to|"
    rf"attributed to)(?: by)? {SOMEBODY}(?: \w+ly)? \w+ing\b"
    r"|\b(?:incident|outage|failure|downtime|problem|issue|interruption|disruption|crash|loss)\b[^.;]{0,60}? "
    rf"(?:happened|occurred|arose|came about|started|began|was caused)[^.;,]{{0,30}}? because {SOMEBODY}{DOES}"
)
# Somebody unnamed who changes something, or by whom it is changed.
UNNAMED = (
    r"(?:an?|one of (?:our|the|their)|two|some|someone|somebody|our own) ?(?:[\w'-]+ ){0,3}?"
    rf"(?:{NO_PROGRAM}|operators?|new (?:hire|starter|joiner)|(?:team|staff) member)"
)
CHANGED = re.compile(
    rf"(?<!by )\b{UNNAMED}(?: (?:on|in|at|from|of) (?:[\w-]+ ){{0,3}}?[\w-]+)?(?: (?:had|then|\w+ly|who))*"
    rf" (?:{words.CHANGES})\b(?! (?:[\w-]+ ){{0,3}}?(?:{words.HELPFUL}|{words.SPARE})\b)"
    rf"|\b(?:was|were|been|got) (?:\w+ly )?(?:{words.CHANGES}|overridden|overwritten)(?: [\w-]+){{0,5}}? by {UNNAMED}\b"
    rf"|\bwrong(?: [\w-]+){{1,3}} by (?:the|our|an?|one of (?:our|the)) (?:[\w'-]+ ){{0,3}}?(?:{NO_PROGRAM})\b"
)
HARMLESS = re.compile(rf"\b(?:{words.SPARE})\b")
AGAINST = re.compile(
    rf"\b(?:they|he|she|i|{GROUP}|{SOMEBODY}) [^.;:]{{3,80}}?,? (?:against|contrary to|in spite of|ignoring|in breach of|"
    rf"in violation of) "
    r"(?:the |all |our |every |company )?(?:\w+ )?(?:advice|instructions?|policy|procedures?|rules?|process|warnings?|"
    r"recommendations?|protocol)\b"
)
BLAMING = re.compile(
    r"\b(?:we|i) (?:\w+ly )?blame (?:ourselves|myself|the|our|him|her|them)\b|\b(?:have|has) (?:only )?(?:\w+self|\w+selves) "
    r"to blame\b"
)
UNTRIED = re.compile(
    r"\b(?:that|which) (?:it|they|he|she|we|i) (?:had not|hadn't|had never|never)(?: \w+ly| even)? "
    r"(?:tested|tried|checked|verified|reviewed|read|understood|practised|practiced)\b"
)
WHOEVER = re.compile(
    rf"(?:^|[,;] )whoever (?:[\w-]+ ){{0,6}}?(?:\w+ed|{words.PAST})\b(?! (?:called|notified|told|asked|paged))"
)
# Only people forget.
FORGOT = re.compile(r"\b(?:the|our|an?|this) (?:[\w'-]+ ){1,4}?(?:\w+ly )?(?:forgot|had forgotten) (?:to|that|about)\b")


def find(sentence: Sentence) -> Iterator[Hit]:
    """Places in a sentence that have somebody as the cause, with the rule."""
    for pattern, rule in (
        (CAUSE, "person-as-cause"),
        (CHANGED, "person-as-cause"),
        (WHOEVER, "person-as-cause"),
        (UNTRIED, "person-as-cause"),
        (FORGOT, "person-as-cause"),
        (AGAINST, "person-as-cause"),
        (BLAMING, "fault"),
    ):
        for found in pattern.finditer(sentence.text):
            if not (pattern is CHANGED and HARMLESS.search(sentence.text[: found.end()])):
                yield found.start(), found.end(), rule
