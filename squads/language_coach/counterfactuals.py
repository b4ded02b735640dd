"""Phrases about what didn't happen: should have, would have, if only, we did not notice."""

import re
from collections.abc import Iterator

from squads.language_coach import words
from squads.language_coach.reading import Sentence

Hit = tuple[int, int, str]

NOT = r"(?: not|n't| never)?"
ADVERBS = (
    r"(?: (?:also|only|just|easily|probably|likely|clearly|perhaps|ideally|certainly|then|at least|simply|"
    r"already|even|still|both|all|really|potentially|possibly|definitely|obviously|surely|otherwise|instead|at that point))*"
)
HAVE = r"(?: have| hav| of|'ve| had)"
MODAL = re.compile(
    rf"\b(?P<modal>should|could|would|might|may|ought to|must)(?P<not>{NOT}){ADVERBS}(?:,? (?:and|or) (?:should|"
    rf"could|would))?{NOT}(?P<have>{HAVE})"
    rf"(?P<adverbs>{ADVERBS}(?: not)?(?: \w+ly)?) (?P<verb>\w+)(?P<after>(?: \w+)?)"
)
PARTICIPLE = re.compile(rf"(?:{words.IRREGULAR})|\w{{2,}}ed")
NOT_PARTICIPLES = frozenset("need speed feed seed hundred shed embed red unlimited".split())
# After a participle, these show that it is one, and no adjective before a noun.
VERB_FOLLOWS = frozenset(
    "the a an this that these those our their his her its my it them us him me to by in on at for with from into "
    "and or but so if when as "
    "up down out off over not been any all each every one more much less earlier sooner immediately faster back "
    "through before after until "
    "within without instead during about".split()
)
SPECULATION = frozenset("caused due related triggered introduced a an the another something because".split())
SUBJECT_US = re.compile(
    r"\b(?:we|i|team|squad|engineers?|developers?|operators?|company|on-call|responders?|he|she|nobody|management|"
    r"person)(?: \w+){0,1}\s*$"
)
AFFECTED = re.compile(
    r"\b(?:users?|customers?|clients?|you|visitors?|people|requests?|everyone|anyone|readers?|members?|"
    r"subscribers?|merchants?|players?)"
    r"(?: \w+){0,4}\s*$"
)
EXPERIENCED = frozenset("seen received experienced noticed encountered gotten got been observed lost had felt".split())
RESTORED = frozenset("recovered resumed completed finished arrived".split())
BETTER = re.compile(rf"\b(?:{words.BETTER})\b")
CONDITION = re.compile(r"\bif\b|\bhad (?:we|the|it|this|they|there)\b")
HINDSIGHT = re.compile(
    r"\b(?:in hindsight|with (?:the )?(?:benefit of )?hindsight|hindsight is|in retrospect|looking back,|i wish|"
    r"we wish|if only|"
    r"(?:was|were|is|been)(?: \w+)? (?:preventable|avoidable)|(?:entirely|easily|completely) (?:preventable|avoidable))\b"
)
IF_HAD = re.compile(
    r"(?P<lead>\b\w+\s+)?\bif (?P<subject>(?:\w+(?:'s)? ){1,6}?)(?:had(?: not|n't)?|hadn't|were to have)(?: \w+ly|"
    r" been| not| only)* (?P<verb>\w+)"
)
WHETHER = frozenset(
    "check checked checking see saw know knew known verify verified determine determined ask asked unclear "
    "unsure wondered wondering as confirm confirmed even tell investigate decide".split()
)
INVERTED = re.compile(
    r"\bhad (?:we|i|they|he|she|it|this|these|there|the|our|an?|that)\b(?! to\b)(?=.{0,120}?\b(?:would|could|might|should)\b)"
)
US = (
    r"(?:we|(?:the|our|this|another) (?:\w+[ -]){0,3}?(?:team|squad|company|department|vendor|organisation|"
    r"organization|management|crew|group|teams))"
)
FAILED_US = re.compile(
    rf"\b(?:{US})(?: (?:all|also|simply|initially|then|again|both|clearly|unfortunately|repeatedly|have|had|has))*"
    r" (?:(?P<failed>failed to|neglected to|omitted to|fail to|have failed to|forgot to|missed (?:the|a|an|this|"
    r"that|these|our|several|some|many)\b|overlooked|underestimated|neglected|"
    r"were too (?:slow|late|quick)|took too long|(?:was|were) (?:too )?(?:slow|late) (?:to|in)|were late|"
    r"were slow|acted too|waited too long|reacted too)"
    rf"|(?:did not|didn't|had not|hadn't|never|were not|weren't|was not)(?: (?:\w+ly|even|first|also|yet|really|"
    rf"quite|fully|always|then))* (?P<verb>{words.CARE}|aware)\b)"
)
NOBODY = re.compile(
    r"\b(?:nobody|no one|noone|none of us|not one of us|no-one)(?: (?:on|in|of|from|at) (?:[\w'-]+ ){0,3}?[\w'-]+)?"
    rf"(?: (?:first|ever|actually|had|else|then|has))* (?P<verb>{words.CARE})\b"
)
# “We got the alert but didn't act on it”: the same people are meant.
BUT_NOT = re.compile(
    rf"\b(?:{US})\b [^.;:]{{3,80}}? but (?:we )?(?:did not|didn't|failed to|never|forgot to|"
    rf"neglected to) (?P<verb>{words.CARE})\b"
)
EXPECTING = re.compile(
    r"\b(?:expect(?:ed|ing)?|assum(?:e|ed|ing)|thought|believed?|hoped|said|estimated?)\b(?: \w+){0,5} *$"
)
IMPROVED = re.compile(
    r" (?:\w+ly )?(?:drained|restarted|upgraded|scaled|paused|postponed|isolated|replaced|configured|blocked|"
    r"raised|fixed|resolved|"
    r"corrected|followed|cleaned|migrated|notified|informed|told|paged|reverted|recovered|restored|found|made)\b"
)
# “We did not see any errors” tells what was seen.
NOTHING_FOUND = re.compile(
    r"^(?: \w+ly)? (?:any|anything|further|additional|evidence|signs?|an? (?:impact|increase|issue|problem|error)|"
    r"the same|more|new|other)\b"
)


FAILURE = re.compile(
    r"\bfailure to (?:follow|communicate|notify|inform|test|check|verify|review|escalate|notice|recogni[sz]e|"
    r"reali[sz]e|consider|document|plan|"
    r"anticipate|read|think|understand|prepare|coordinate|consult)\b"
)


def find(sentence: Sentence) -> Iterator[Hit]:
    """Places in a sentence that tell what didn't happen, with the rule."""
    yield from _modals(sentence)
    yield from _conditions(sentence)
    yield from _failings(sentence)
    for found in HINDSIGHT.finditer(sentence.text):
        yield found.start(), found.end(), "hindsight"


def _is_participle(found: re.Match[str]) -> bool:
    verb, after = found["verb"], found["after"].strip()
    if verb in NOT_PARTICIPLES or not PARTICIPLE.fullmatch(verb):
        return False
    if found["adverbs"].strip() or found["not"]:
        return True
    return verb not in words.ADJECTIVES or not after or after in VERB_FOLLOWS or after.endswith("ly")


def _modals(sentence: Sentence) -> Iterator[Hit]:
    text = sentence.text
    for found in MODAL.finditer(text):
        modal, before, rest = found["modal"], text[: found.start()], text[found.end("verb") :]
        if not _is_participle(found):
            continue
        affected = bool(AFFECTED.search(before[-60:]))
        better = bool(BETTER.search(found[0]) or BETTER.search(rest[:80]))
        said = found["verb"], rest, affected, better
        if _meant(modal, sentence, found, *said):
            participle = re.match(r"(?: \w+ly)? (?:\w+ed|done|made|caught|seen|found|known)\b", rest)
            end = found.end("verb") + (participle.end() if participle and found["verb"] == "been" else 0)
            yield found.start(), end, _rule(modal)


def _rule(modal: str) -> str:
    return {"should": "should-have", "ought to": "should-have", "must": "should-have", "would": "would-have"}.get(
        modal, "could-have"
    )


def _meant(
    modal: str, sentence: Sentence, found: re.Match[str], verb: str, rest: str, affected: bool, better: bool
) -> bool:
    """Whether a modal with a participle tells of what didn't happen, and neither guesses what did nor tells what people saw."""
    before = sentence.text[: found.start()]
    following = (rest.split() or [""])[0].strip(",.;:")
    if modal in ("should", "ought to"):
        now = re.search(r"\b(?:now|by now|already)\b", found[0] + rest)
        return not (affected and (verb in EXPERIENCED or found["not"])) and not (now or verb in RESTORED)
    if modal == "would" and EXPECTING.search(before):
        return False
    if modal == "would":
        return better or bool(CONDITION.search(sentence.text)) or not affected or verb not in EXPERIENCED
    if modal == "could":
        if better or CONDITION.search(sentence.text):
            return not (verb == "been" and following in SPECULATION and not better)
        if verb == "been" and IMPROVED.match(rest) and not affected:
            return True
        human = SUBJECT_US.search(before[-40:]) is not None and not affected
        return human or (not re.search(r"[a-z]", before) and following not in SPECULATION and verb != "been")
    if modal in ("might", "may"):
        wanted = re.match(rf"(?:{words.BETTER})$", verb) or re.match(rf" (?:\w+ly )?(?:{words.BETTER})\b", rest)
        return modal == "might" and bool(wanted) and not affected
    return False


def _conditions(sentence: Sentence) -> Iterator[Hit]:
    text = sentence.text
    for found in IF_HAD.finditer(text):
        lead = (found["lead"] or "").strip()
        verb = found["verb"]
        turned = re.search(r"\b(?:would|could|might|should)\b", text)
        if lead in WHETHER or not turned or not (PARTICIPLE.fullmatch(verb) or found["subject"].strip() in ("we", "i")):
            continue
        yield found.start() + len(found["lead"] or ""), found.end(), "if-had"
    for found in INVERTED.finditer(text):
        if sentence.begins_clause(found.start()) or re.search(r"\b(?:would|could|might)\b", text[: found.start()]):
            yield found.start(), found.end(), "if-had"


def _failings(sentence: Sentence) -> Iterator[Hit]:
    text = sentence.text
    for found in FAILED_US.finditer(text):
        verb, rest = found["verb"] or "", text[found.end() :]
        if verb in words.FACTS or (verb and NOTHING_FOUND.match(rest)):
            continue
        yield found.start(), found.end(), "did-not"
    for found in BUT_NOT.finditer(text):
        if found["verb"] not in words.FACTS:
            yield found.start(), found.end(), "did-not"
    for found in NOBODY.finditer(text):
        yield found.start(), found.end(), "did-not"
    for found in FAILURE.finditer(text):
        yield found.start(), found.end(), "did-not"
