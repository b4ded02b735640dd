"""Phrases that make a person the cause: who did something wrong, and what they are said to lack."""

import re
from collections.abc import Collection, Iterator

from squads.language_coach import words
from squads.language_coach.reading import Sentence

Hit = tuple[int, int, str]

_PERSON = "|".join(sorted(words.PEOPLE - {"i", "he", "she"}, key=lambda word: -len(word)))
_GROUP = r"(?:the|our|this|another) (?:[\w-]+ ){0,3}?(?:team|squad|company|department|vendor|management|crew|group)"
ERROR = re.compile(
    r"\b(?:human|manual|operator|pilot|user|people|administrator|admin|personal|engineer|developer)[ -](?:error|errors|"
    r"mistake|mistakes|failure|failings?|misunderstandings?)\b"
    r"(?! (?:page|pages|message|messages|rate|rates|report|reports|log|logs|budget|code|codes|handling|handler))"
)
FINGER = re.compile(r"\bfat[ -]?finger(?:ed|ing|s)?\b")
JUDGED = re.compile(
    r"\bcareless(?:ly|ness)?\b|\bnegligen(?:t|tly|ce)\b|\bincompeten(?:t|ce|tly)\b|\bslopp(?:y|ily|iness)\b|"
    r"\blaz(?:y|iness)\b(?! (?:load|eval|init))|"
    r"\bstupid(?:ity|ly)?\b|\breckless(?:ly|ness)?\b|\b(?:poor|bad|lack of|error of) judge?ment\b|"
    r"\black of (?:attention|care|diligence|discipline|"
    r"common sense|effort|responsibility)\b|\b(?:n't|not|never|nobody|no one)\b(?: \w+){0,5} bother(?:ed)?\b|"
    r"\bcould(?:n't| not) be bothered\b|"
    r"\bshould(?: have|'ve) known\b|\bknown better\b|\bout of ignorance\b|\bcomplacen(?:t|cy)\b|"
    r"\bunprofessional\b|\bdidn't care\b"
)
FAULT = re.compile(
    r"\b(?:is|was|are|were|be)(?: \w+)? to blame\b|\bthe fault of\b|"
    r"\b(?:our|my|his|her|their|your|\w+'s?)(?: own)? (?:fault|mistake|mistakes|negligence|carelessness|oversight|"
    r"incompetence|blunder)\b|"
    rf"\b(?:mistake|error|oversight|typo|blunder|misconfiguration)s? (?:made )?(?:by|of) (?:an?|the|our|"
    rf"one of) (?:[\w-]+ ){{0,3}}?(?:{_PERSON})\b|"
    r"\b(?:mistake|error|oversight|blunder|failure)s? on (?:our|my|his|her|their) (?:part|side|end)\b|"
    r"\b(?:ignored|disregarded|dismissed) (?:our|my|their|repeated|all|several) (?:\w+ )?(?:warnings?|advice|"
    r"alerts?|concerns|mails?)\b"
)
NOT_FAULT = re.compile(
    r"\b(?:it|that|what|let|there|node|disk|page|memory|segmentation|system|service|server|tool|script|"
    r"database)'s? (?:fault|mistake)"
)
MADE = re.compile(
    rf"\b(?:{_GROUP}|we|i|he|she|they|someone|somebody|who)(?: (?:also|had|have|has|apparently|then|"
    rf"\w+ly))* (?:made|make|makes|committed)"
    r" (?:an?|the|some|several|two|this|that|our)(?: \w+)?(?: \w+)? ?(?:mistakes?|errors?|typos?|blunder|(?:wrong|"
    r"incorrect|false|bad|poor|faulty) (?:assumptions?|decisions?|choices?|calls?))\b"
)
WE = re.compile(
    rf"\b(?:we|i|they)(?: (?:had|have|has|then|also|were|was))* (?P<marker>{words.MARKERS})\b"
    r"|\b(?:we|i|they)(?: (?:had|have|then|also))* (?:misread|misconfigured|misunderstood|misinterpreted|"
    r"mishandled|misjudged|mistyped|botched|messed up|screwed up|"
    r"forgot|broke (?:the|our|production|all|every))\b"
    rf"|\b(?:we|i|they) (?:\w+ ){{1,6}}by (?:mistake|accident)\b"
    rf"|\b{_GROUP} (?:\w+ly |had |has )?(?:{words.MARKERS}|messed up|screwed up|misconfigured|misread|ignored|"
    rf"broke|forgot|botched|mishandled)\b"
)
SILLY = re.compile(
    r"\b(?:rookie|silly|stupid|dumb|embarrassing|careless|honest|foolish|amateur) (?:mistakes?|errors?)\b"
)
SOMEONE = re.compile(
    r"\b(?:someone|somebody)(?: (?:on|in|from|at) (?:[\w-]+ ){1,4}?)?(?: had| has| then| \w+ly)*"
    r" (?:deleted|removed|disabled|pushed|merged|turned|switched|unplugged|committed|broke|dropped|killed|changed|"
    r"overwrote|wrote|put|ran|left)\b"
)
MARKED_FIRST = re.compile(
    rf"(?:{words.MARKERS}) \w+(?:ed|t)\b(?! by\b)|(?:while|when|after) \w+ing [^,]{{0,60}}?,? ?(?:{words.MARKERS}) \w+ed\b"
)
# A company that does what only people do.
COMPANY = re.compile(
    r"\b(?P<name>[A-Z][a-zA-Z]+)(?P<adverb> \w+ly)? (?:did not|didn't|failed to|neglected to|never)(?: \w+ly)?"
    r" (?P<verb>retest|bother|think|communicate|plan|prioriti[sz]e|train|disclose|heed|care|appreciate|anticipate|"
    r"foresee|consider|inform|warn|"
    r"reali[sz]e|document|learn|tell|test|include|check|verify|notify|address|fix|respond)\b"
)
FORGETFUL = re.compile(
    r"\b(?P<name>[A-Z][a-z]+) (?:\w+ly )?(?:forgot to|misread|mistyped|misunderstood|overlooked|"
    r"(?:didn't|did not) (?:reali[sz]e|notice|bother|think))\b"
)
ONLY_PEOPLE = frozenset(
    "retest bother think communicate plan prioritize prioritise train disclose heed care appreciate foresee tell learn".split()
)
NO_COMPANY = frozenset(
    "It This That There We They These Those Pods Tests Monitoring Alerting Alerts Kubernetes Terraform "
    "Prometheus Jenkins Helm Flux CI The Our "
    "Which Users User Customers Nobody He She I Unit Integration Automation Documentation Staging Nodes Services".split()
)
FRAGMENT = re.compile(
    rf"(?:did not|didn't|forgot|forgetting|neglected|never|ignored|failed)(?: to)?(?: (?:\w+ly|even|"
    rf"first))*(?: (?P<verb>{words.CARE}|turn|remove|enable|run|wait))?\b"
)
CARELESSLY = (
    r"without (?:\w+ly )?(?:running|following|confirming|coordinating|communicating|making sure|reading|checking|"
    r"testing|asking|looking|verifying|reviewing|knowing|realizing|"
    r"realising|approval|permission|telling|"
    r"informing|notifying|considering|thinking|noticing|waiting|understanding|first|proper|any (?:testing|review|"
    r"approval|notice)|review|testing|authorization|authorisation)"
)
WITHOUT = re.compile(rf"\w+(?:ed|ran|put|took) (?:\w+ ){{0,4}}?{CARELESSLY}\b")
WE_WITHOUT = re.compile(
    rf"\b(?:we|i|they) (?:had |have |\w+ly )*\w+(?:ed|ran|put|took|did|made) (?:[\w-]+ ){{0,8}}?{CARELESSLY}\b"
)
# What somebody made is told with what it broke.
BROKE = re.compile(
    r"^(?:that|which) (?:had |then |\w+ly )*(?:broke|caused|brought|took down|crashed|blocked|led to|resulted in|"
    r"deleted|wiped|disabled)\b"
)
CARELESS_PERSON = re.compile(rf"\b(?:{words.CARELESS})(?: \w+)? (?:{_PERSON})\b")
BY_PERSON = re.compile(
    rf"(?P<marked>\b(?:{words.MARKERS}|by mistake|by accident)\b(?: \w+){{0,6}}?|\b(?:misconfigured|mistyped|"
    rf"wiped|botched|mishandled|misread|messed up|ruined|sabotaged)\b(?: \w+){{0,3}}?)"
    rf" by (?:an?|the|our|one of (?:our|the)|some|another|someone)?(?: ?[\w-]+){{0,3}}? ?(?:{_PERSON}|member of)\b"
    rf"|\bby (?:an?|the|our|one of (?:our|the)|another)(?: [\w-]+){{0,2}} (?:{_PERSON}) (?:by (?:mistake|accident)|"
    rf"in error|{words.MARKERS}|who (?:thought|believed|forgot|did not|didn't|was not|wasn't))\b"
)
DID_NOT = re.compile(
    rf"^(?:did not|didn't|does not|doesn't|had not|hadn't|has not|never|was not|wasn't|were not|"
    rf"weren't)(?: (?:\w+ly|even|first|also|really|then))* (?:{words.CARE}|aware|paying)\b"
)
OMITTED = re.compile(r"^(?:did not|didn't)(?: (?:\w+ly|even|first|also|really|then))* (?P<verb>[a-z]+)\b")
MISDEED = re.compile(rf"^(?:{words.MISDEEDS})\b")
UNAWARE = re.compile(rf"^(?:{words.UNAWARE})\b")
MARKED = re.compile(rf"^(?:{words.MARKERS})\b")
BY_MISTAKE = re.compile(
    r"^(?:by (?:mistake|accident)|in error|in a hurry|too (?:early|soon|late|hastily)|out of order)\b"
)
WRONG = re.compile(r"^(?:wrong|incorrect)\b(?!-)(?! (?:behaviour|behavior|results?|numbers of))")
POOR = re.compile(
    r"^(?:bad|faulty|untested|invalid|malformed|broken|erroneous|unreviewed|buggy|poor|dangerous|unsafe)\b"
)
CREATED = re.compile(rf"\b(?:{words.CREATED})\b")
LOST = re.compile(rf"^(?:{words.LOST})\b(?: \w+){{0,4}}? (?:production|prod|entire|whole|live)\b")
BUG = re.compile(
    r"^(?:introduced|introduces|caused|created|wrote|made|makes|made)(?: \w+){1,3}? ?(?:bug|bugs|regression|"
    r"mistake|mistakes|error|errors|typo|outage|incident|problem|"
    r"wrong assumption|incorrect assumption)\b|^wrote (?:\w+ )?code that\b|^supposed to\b(?=.*\bbut\b)"
)
NEGLIGENT = re.compile(rf"^{CARELESSLY}\b")
NEVER = re.compile(
    r"^(?:never) (?:turned|reverted|removed|restored|enabled|tested|checked|told|asked)\b|"
    r"^turned (?:\w+ ){0,4}off (?:\w+ )*and never\b"
)


def find(sentence: Sentence, names: Collection[str]) -> Iterator[Hit]:
    """Places in a sentence that blame a person, with the rule. `names` are known names of people, in lower case."""
    yield from _phrases(sentence)
    yield from _fragments(sentence)
    yield from _companies(sentence)
    yield from _forgetful(sentence)
    for at, strong in _people(sentence, names):
        hit = _fails(sentence, at, strong)
        if hit:
            named = sentence.words[at].text in names
            yield hit[0], hit[1], "name-as-cause" if named else hit[2]


def _phrases(sentence: Sentence) -> Iterator[Hit]:
    for pattern, rule in (
        (ERROR, "human-error"),
        (FINGER, "human-error"),
        (JUDGED, "judged-carelessness"),
        (CARELESS_PERSON, "judged-carelessness"),
        (FAULT, "fault"),
        (MADE, "person-as-cause"),
        (WE, "person-as-cause"),
        (SOMEONE, "person-as-cause"),
        (SILLY, "judged-carelessness"),
        (WE_WITHOUT, "judged-carelessness"),
        (BY_PERSON, "person-as-cause"),
    ):
        for found in pattern.finditer(sentence.text):
            if not (pattern is FAULT and NOT_FAULT.search(found[0])):
                yield found.start(), found.end(), rule


def _fragments(sentence: Sentence) -> Iterator[Hit]:
    """Sentences without a subject: “Did not check the plan.”"""
    found = FRAGMENT.match(sentence.text)
    if found and (found[0].startswith(("forgot", "forget", "neglected")) or found["verb"]):
        verb = found["verb"] or ""
        if not (found[0].startswith("failed") or (verb in words.FACTS and verb not in ("disable", "put"))):
            yield 0, found.end(), "person-as-cause"
    marked = MARKED_FIRST.match(sentence.text)
    if marked:
        yield 0, marked.end(), "person-as-cause"
    without = WITHOUT.match(sentence.text)
    if without:
        yield 0, without.end(), "judged-carelessness"


def _companies(sentence: Sentence) -> Iterator[Hit]:
    for found in COMPANY.finditer(sentence.original):
        if found["name"] not in NO_COMPANY and (found["verb"] in ONLY_PEOPLE or found["adverb"]):
            yield found.start(), found.end(), "person-as-cause" if found["adverb"] else "did-not"


def _forgetful(sentence: Sentence) -> Iterator[Hit]:
    """A name, which nobody handed in, with what only a person does."""
    for found in FORGETFUL.finditer(sentence.original):
        if found["name"] not in NO_COMPANY and found["name"].lower() not in words.NO_NAMES:
            yield found.start(), found.end(), "person-as-cause"


def _people(sentence: Sentence, names: Collection[str]) -> Iterator[tuple[int, bool]]:
    """The words that name a person who acts: their place, and whether it's one of ours."""
    for at, word in enumerate(sentence.words):
        # A name is written with a capital: “will” and “mark” are words too.
        known = word.text in names and sentence.original[word.start].isupper()
        before = sentence.words[at - 1].text if at else ""
        ours = known or word.text in words.PEOPLE or before in words.PEOPLE_AFTER.get(word.text, ())
        if not ours and word.text not in words.OUTSIDERS:
            continue
        following = sentence.words[at + 1].text if at + 1 < len(sentence.words) else ""
        if word.text == "i" and sentence.text[word.end : word.end + 1] in ("/", ".", "-"):
            continue
        if word.text not in ("i", "he", "she") and following in words.THINGS and not known:
            continue
        if word.text == "owner" and not following:
            continue
        if known or _acts(sentence, at):
            yield at, ours


def _acts(sentence: Sentence, at: int) -> bool:
    """Whether a person is the subject: no preposition stands before “the on-call engineer”, but for “one of the engineers”."""
    place = at - 1
    while place >= 0 and at - place < 6 and sentence.words[place].text in words.MODIFIERS - {"of", "on"}:
        place -= 1
    if place < 0:
        return True
    before = sentence.words[place].text
    if before == "of":
        return place > 0 and sentence.words[place - 1].text in (
            "one",
            "some",
            "member",
            "members",
            "two",
            "none",
            "several",
        )
    if before == "on":
        return False
    return before not in words.PREPOSITIONS


def _fails(sentence: Sentence, at: int, strong: bool) -> Hit | None:
    """What the person at a place is said to do wrong, in the words up to the end of the clause."""
    start, text = sentence.words[at], sentence.text
    program = start.text in words.PROGRAMS_TOO
    relative = False
    seen: list[str] = []
    for index in range(at + 1, min(at + 25, len(sentence.words))):
        word = sentence.words[index]
        between = text[sentence.words[index - 1].end : word.start]
        if re.search(r"[.;:!?]", between):
            return None
        first = index == at + 1
        if word.text in words.CLAUSE_ENDS and not (first and word.text in ("that",)) and not relative:
            if word.text == "but" and _coordinated(text[word.end :].strip(), strong, program):
                return start.start, _end(text, word.end + 1), "person-as-cause"
            if (
                strong
                and not program
                and BROKE.match(text[word.start :])
                and CREATED.search(text[start.end : word.start])
            ):
                return start.start, _end(text, word.start), "person-as-cause"
            if word.text == "that" and len(seen) < 6 and not any(each in words.FINDING for each in seen) and not seen:
                relative = True
                continue
            return None
        if word.text in ("we", "it", "they", "he", "she", "i") and not first:
            return None
        rule = _misdeed(text[word.start :], seen, text[start.end : word.start], strong, program)
        if rule:
            return start.start, _end(text, word.start), rule
        if word.text in words.FINDING:
            return None
        seen.append(word.text)
    return None


def _end(text: str, start: int) -> int:
    """The end of a finding: the words of the failing verb, a few at most."""
    found = re.match(r"[\w'-]+(?: [\w'-]+){0,2}", text[start:])
    return start + len(found[0]) if found else start


def _coordinated(rest: str, strong: bool, program: bool) -> bool:
    """Whether “but forgot to” follows: the person of the clause before is still meant."""
    return strong and not program_verb(rest, program) and bool(MISDEED.match(rest) or MARKED.match(rest))


def program_verb(rest: str, program: bool) -> bool:
    """Whether these words may be said of a program, when the word for the person can be one."""
    return program and rest.startswith(
        ("failed", "fails", "fail to", "ignored", "missed", "skipped", "did not detect", "didn't detect")
    )


def _misdeed(rest: str, seen: list[str], passed: str, strong: bool, program: bool) -> str:
    """The rule that the words after a person break, "" if none."""
    if program_verb(rest, program) and not re.match(r"failed to (?:follow|notice|check|escalate|read|verify)", rest):
        return ""
    if MISDEED.match(rest) and (
        strong or not rest.startswith(("failed", "fails", "missed", "ignored", "skipped", "lost", "broke"))
    ):
        return "person-as-cause"
    omitted = DID_NOT.match(rest)
    if strong and not program and (left := OMITTED.match(rest)) and left["verb"] not in words.NO_OMISSIONS:
        return "person-as-cause"
    if (
        omitted and omitted[0].split()[-1] not in words.FACTS - {"know", "known", "include", "included"}
    ) or UNAWARE.match(rest):
        if strong or re.match(
            r"(?:did not|didn't) (?:think|read|realise|realize|understand|bother|check|follow)", rest
        ):
            return "person-as-cause"
        return ""
    if BUG.match(rest) or NEGLIGENT.match(rest) or BY_MISTAKE.match(rest) or NEVER.match(rest):
        return "person-as-cause" if seen or BUG.match(rest) else ""
    if MARKED.match(rest) and rest.split(" ")[1:2] and rest.split(" ")[1] not in words.FINDING:
        return "person-as-cause"
    if not strong:
        return ""
    if LOST.match(rest) or (WRONG.match(rest) and seen):
        return "person-as-cause"
    return "person-as-cause" if POOR.match(rest) and CREATED.search(passed) else ""
