"""Guessing what an environment is for from its name. Pure: no database, no Django.

A guess errs to the safe side: a name is production only where nothing in it speaks against that, since what is taken for
production can make a story rodeo done. A name that speaks against itself is "other", and a person is asked.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

DEVELOPMENT, TESTING, STAGING, PRODUCTION, OTHER = "development", "testing", "staging", "production", "other"
TIERS = {
    PRODUCTION: "prod production prd live produktion produktiv produccion producao produzione productie",
    STAGING: "stage staging stg uat preprod preproduction preprd prelive preview acceptance",
    TESTING: "test testing tests tst qa int integration ci",
    DEVELOPMENT: "dev develop development local sandbox",
}
# The most specific first, where a name has words of several tiers and none of them is production.
BEFORE_PRODUCTION = (STAGING, TESTING, DEVELOPMENT)
NEGATIONS = frozenset("non not no un anti never without".split())
# What has one of these beside "prod" is made like production, comes before or after it, or stands in for it.
DOUBTS = frozenset(
    "alike archive archived backup bak candidate clone copy decommissioned demo deprecated dr drill dummy emulated ex "
    "experiment failover fake former history imitation lab legacy like load lookalike mirror mirrored mock near next obsolete "
    "off old parity perf performance pilot poc post pre pseudo quasi recovery rehearsal replica restore restored retired "
    "review sample semi shadow sim similar simulated simulation snapshot spare standby temp temporary tmp training trial unlike "
    "virtual".split()
)
# Places that are written onto a word without anything between: prodeu1, euprod.
PLACES = frozenset(
    "af ap apac ca cn de east emea eu europe fr gb global jp me north sa south sg uk us usa west world".split()
)
TIER_OF_WORD = {word: tier for tier, words in TIERS.items() for word in words.split()}
KNOWN_WORDS = TIER_OF_WORD.keys() | NEGATIONS | DOUBTS | PLACES
# "producTion" is one word; "productionEU" and "NonProd" are two.
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
LONGEST = 300


def guess_tier(name: str) -> str:
    """Return the tier that a name suggests: prod-eu is production, pre-prod staging, qa2 testing.

    It is "other" where the name says nothing, or says of itself that it is not what it is called: non-prod, prod-like,
    test-prod, old-prod.
    """
    words = _words(name)
    tiers = {TIER_OF_WORD[word] for word in words if word in TIER_OF_WORD}
    if not tiers or words & NEGATIONS:
        return OTHER
    if PRODUCTION in tiers:
        return PRODUCTION if len(tiers) == 1 and not words & DOUBTS else OTHER
    return next(tier for tier in BEFORE_PRODUCTION if tier in tiers)


def _words(name: str) -> frozenset[str]:
    """Return the words of a name in small Latin letters, pre-prod as the one word it is."""
    plain = unicodedata.normalize("NFKD", name[:LONGEST])
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    words: list[str] = []
    for piece in re.split(r"[\W\d_]+", plain):
        words += _split(piece)
    # "pre" belongs to what follows it: pre-prod is an environment of its own, and so is pre-live.
    for place, (first, second) in enumerate(pairwise(words)):
        if first == "pre" and TIER_OF_WORD.get(second) == PRODUCTION:
            words[place], words[place + 1] = "preprod", "preprod"
    return frozenset(words)


def _split(piece: str) -> list[str]:
    """Return the words of one piece between signs and digits: NonProd and nonprod are two, and product is one."""
    whole = split_known(piece.lower())
    if whole is not None or not piece:
        return list(whole or ())
    humps = HUMP.split(piece)
    if len(humps) == 1:
        return [piece.lower()]
    return [word for hump in humps for word in split_known(hump.lower()) or (hump.lower(),)]


@lru_cache(maxsize=4000)
def split_known(text: str) -> tuple[str, ...] | None:
    """Return the known words that a text consists of, as few as can be, or None: prodeu is prod and eu, product is neither."""
    if text in KNOWN_WORDS:
        return (text,)
    best: tuple[str, ...] | None = None
    for end in range(2, len(text) - 1):
        if text[:end] in KNOWN_WORDS and (rest := split_known(text[end:])) is not None:
            found = (text[:end], *rest)
            best = found if best is None or len(found) < len(best) else best
    return best
