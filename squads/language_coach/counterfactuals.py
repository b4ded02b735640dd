"""Phrases about what didn't happen: should have, would have, if only, we did not notice."""

import re
from collections.abc import Iterator

from squads.language_coach import words
from squads.language_coach.reading import Sentence

Hit = tuple[int, int, str]

NOT = r"(?: not|n't| never)?"
ADVERBS = (
    r"(?: (?:well|also|only|just|easily|probably|likely|clearly|perhaps|ideally|certainly|then|at least|simply|"
    r"already|even|still|both|all|really|potentially|possibly|definitely|obviously|surely|otherwise|instead|at that point))*"
)
HAVE = r"(?: have| hav| of|'ve| had)"
MODAL = re.compile(
    rf"\b(?P<modal>should|could|would|might|may|ought to|ought (?:not|never) to|must)(?P<not>{NOT}){ADVERBS}(?:,? (?:and|or) "
    rf"(?:should|"
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
    r"subscribers?|merchants?|players?)(?! (?:impact|experience|effect))"
    r"(?: \w+){0,4}\s*$"
)
EXPERIENCED = frozenset("seen received experienced noticed encountered gotten got been observed lost had felt".split())
RESTORED = frozenset("recovered resumed completed finished arrived".split())
BETTER = re.compile(rf"\b(?:{words.BETTER})\b")
CONDITION = re.compile(r"\bif\b|\bhad (?:we|the|it|this|they|there)\b")
GIVEN = re.compile(r"\bwith(?:out)? (?:more|better|proper|an?|such)\b|\bbut for\b")
WITH_BETTER = re.compile(r"\bwith (?:more|better|proper|closer|earlier|regular)\b")
IF_D = re.compile(
    rf"\bif (?:we|they|he|she|i|someone|somebody|anyone)'d (?:not |only |\w+ly )*(?:\w+ed|{words.IRREGULAR})\b"
)
D_HAVE = re.compile(r"\b(?:we|they|it|i|he|she|that|this)'d (?:not |never |\w+ly )*have \w+(?:ed|en|ght|und|wn)\b")
NEED_NOT = re.compile(rf"\bneed(?:n't| not| never)(?: ever)? have (?:\w+ed|{words.IRREGULAR})\b")
WHY_NOT = re.compile(
    r"\bwhy (?:did|had|was|were)(?:n't| not)? (?:we|anyone|anybody|somebody|someone|nobody|no one|the team|they)(?: not| "
    r"never)? \w+"
)
REMEDY = re.compile(rf"\b(?:{words.REMEDIES}|{words.MORE})\b")
DEFINITE = re.compile(r"(?:the|this|that|these|those|any|all|each|every|its|most|which)\b")
TOLD = re.compile(r" (?:told|informed|notified|warned|contacted|asked|consulted)\b")
WHICH = re.compile(r"(?<!\band)(?<!\bbut)(?<!,) (?:that|which)\s*$")
# One of several ways that people saw at the time.
CHOSE = re.compile(r"\b(?:and|but) (?:we |they |then )?(?:chose|decided|opted|preferred|agreed)\b")
# “If the primary fails, the replica should have …” is how it is meant to work.
WHENEVER = re.compile(
    r"\b(?:if|when|once) (?:[\w-]+ ){1,4}?(?:is|are|does|has|have|\w+s)\b(?!.*\b(?:was|were|had|did)\b)"
)
BUT = re.compile(r", (?:but|yet|however)\b")
HINDSIGHT = re.compile(
    r"\b(?:in hindsight|with (?:the )?(?:benefit of )?hindsight|hindsight is|in retrospect|looking back|i wish|"
    r"we wish|if only|"
    r"(?:was|were|is|been)(?: \w+)? (?:preventable|avoidable)|knowing what we know|missed opportunit(?:y|ies)|missed "
    r"chances?|(?:entirely|easily|completely) (?:preventable|avoidable))\b"
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
    r"\bhad (?:(?:we|i|they|he|she|it|this|these|there|the|our|an?|that|some\w+|any\w+|no\w*|more|proper)\b(?! to\b)"
    r"|(?!to\b|had\b)\w+ (?:\w+ ){0,4}?(?:been|not|\w+ed)\b)(?=.{0,120}?\b(?:would|could|might|should)\b)"
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
    r"were slow|acted too|(?:took|take) (?:\w+ ){1,4}?for granted|turned a blind eye|lost sight of|dragged (?:our|their) feet|"
    r"let (?:[\w-]+ ){1,5}?(?:slip|lapse|slide|rot)\b|(?:did not have|didn't have|lacked) the (?:foresight|imagination|sense|"
    r"discipline|"
    r"courage|patience|presence of mind)\b|waited (?:far |much |way )?too long|reacted too)"
    rf"|(?:did not|didn't|had not|hadn't|never|were not|weren't|was not)(?: (?:\w+ly|even|first|also|yet|really|"
    rf"quite|fully|always|then))* (?P<verb>{words.CARE}|aware|get round|get around|got round|got around|find time|found time)\b)"
    r"|\b(?:it )?took (?:us|them|the team|the on-call)(?: \w+)? (?:far |much |way )?too long\b"
    r"|\bthey (?:never|did not|didn't|had not|hadn't)(?: \w+ly| ever| even)* (?:tested|test|checked|check|noticed|notice|"
    r"thought|think|"
    r"considered|consider|told|tell|informed|inform|reviewed|review|documented|document|planned|plan|rehearsed|practised|"
    r"practiced|"
    r"verified|verify|reali[sz]ed?|bother(?:ed)?|asked|ask|read|followed|follow|communicated?|escalated?)\b"
)
NOBODY = re.compile(
    r"\b(?:nobody|no one|noone|none of us|not one of us|no-one|not a single person|none of (?:the|our) (?:[\w-]+ "
    r")?(?:engineers|reviewers|"
    r"developers|operators|people|members|responders|managers|colleagues|admins)|neither (?:the |of )[\w-]+(?: "
    r"\w+){0,3}?)(?: (?:on|in|of|from|at) (?:[\w'-]+ ){0,3}?[\w'-]+)?"
    rf"(?: (?:first|ever|actually|had|else|then|has))* (?P<verb>{words.CARE})\b"
)
# “We got the alert but didn't act on it”: the same people are meant.
BUT_NOT = re.compile(
    rf"\b(?:{US})\b [^.;:]{{3,80}}? (?:but|and) (?:we )?(?:did not|didn't|failed to|never|forgot to|"
    rf"neglected to) (?P<verb>{words.CARE})\b"
)
EXPECTING = re.compile(
    r"\b(?:expect(?:ed|ing)?|assum(?:e|ed|ing)|thought|believed?|hoped|said|estimated?)\b(?: \w+){0,5} *$"
)
IMPROVED = re.compile(
    r" (?:\w+ly )?(?:drained|restarted|upgraded|scaled|paused|postponed|isolated|cut|halved|kept|narrowed|spared|contained|"
    r"replaced|configured|blocked|"
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
        better = bool(BETTER.search(found[0]) or BETTER.search(re.split(r"[,;:]", rest[:80])[0]))
        said = found["verb"], rest, affected, better
        if _meant(modal, sentence, found, *said):
            participle = re.match(r"(?: \w+ly)? (?:\w+ed|done|made|caught|seen|found|known)\b", rest)
            end = found.end("verb") + (participle.end() if participle and found["verb"] == "been" else 0)
            yield found.start(), end, _rule(modal)


def _rule(modal: str) -> str:
    if modal in ("should", "must") or modal.startswith("ought"):
        return "should-have"
    return "would-have" if modal == "would" else "could-have"


def _meant(
    modal: str, sentence: Sentence, found: re.Match[str], verb: str, rest: str, affected: bool, better: bool
) -> bool:
    """Whether a modal with a participle tells of what didn't happen, and neither guesses what did nor tells what people saw."""
    before = sentence.text[: found.start()]
    following = (rest.split() or [""])[0].strip(",.;:")
    if modal == "should" or modal.startswith("ought"):
        now = re.search(r"\b(?:now|by now|already)\b", found[0] + rest)
        if TOLD.match(rest):
            return True
        system = not better and not SUBJECT_US.search(before[-40:])
        if system and (WHENEVER.search(before) or WHICH.search(before) or BUT.search(rest)):
            # What a system is made to do, and why it didn't: “the watchdog should have restarted it, but …”.
            return False
        return not (affected and (verb in EXPERIENCED or found["not"])) and not (now or verb in RESTORED)
    if modal == "would":
        return not EXPECTING.search(before) and _imagined(sentence, found, verb, affected, better)
    if modal == "could" and (verb == "gone" or CHOSE.search(rest)):
        return False
    if modal == "could":
        if better or CONDITION.search(sentence.text) or WITH_BETTER.search(sentence.text):
            return not (verb == "been" and following in SPECULATION and not better)
        if verb == "been" and IMPROVED.match(rest) and not affected:
            return True
        human = SUBJECT_US.search(before[-40:]) is not None and not affected
        return human or (not re.search(r"[a-z]", before) and following not in SPECULATION and verb != "been")
    if modal in ("might", "may"):
        wanted = re.match(rf"(?:{words.BETTER})$", verb) or re.match(rf" (?:\w+ly )?(?:{words.BETTER})\b", rest)
        return modal == "might" and bool(wanted) and not affected
    return False


def _imagined(sentence: Sentence, found: re.Match[str], verb: str, affected: bool, better: bool) -> bool:
    """Whether “would have” tells of a better past, and not of what a system was about to do."""
    before = sentence.text[: found.start()]
    if better or CONDITION.search(sentence.text) or GIVEN.search(sentence.text):
        return True
    if affected and verb in EXPERIENCED:
        return False
    subject = re.split(r"[,;:–—]", before)[-1].strip()
    brought_in = REMEDY.search(subject) is not None and not DEFINITE.match(subject)
    return bool(found["not"]) or brought_in or SUBJECT_US.search(before[-40:]) is not None


def _conditions(sentence: Sentence) -> Iterator[Hit]:
    text = sentence.text
    for found in IF_HAD.finditer(text):
        lead = (found["lead"] or "").strip()
        verb = found["verb"]
        turned = re.search(r"\b(?:would|could|might|should)\b", text)
        if lead in WHETHER or not turned or not (PARTICIPLE.fullmatch(verb) or found["subject"].strip() in ("we", "i")):
            continue
        yield found.start() + len(found["lead"] or ""), found.end(), "if-had"
    for found in IF_D.finditer(text):
        yield found.start(), found.end(), "if-had"
    for pattern in (D_HAVE, NEED_NOT):
        for found in pattern.finditer(text):
            yield found.start(), found.end(), "would-have"
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
    for found in WHY_NOT.finditer(text):
        if re.search(r"n't|\bnot\b|never|nobody|no one", found[0]):
            yield found.start(), found.end(), "did-not"
    for found in FAILURE.finditer(text):
        yield found.start(), found.end(), "did-not"
