"""Phrases that make a person the cause: who did something wrong, and what they are said to lack."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from squads.language_coach import causes, words
from squads.language_coach.causes import GROUP, PERSON, SOMEBODY, Hit
from squads.language_coach.reading import Sentence


@dataclass(frozen=True)
class Names:
    """Parts of people's names, in lower case: those that name somebody alone, and words that do so together only."""

    alone: frozenset[str] = frozenset()
    together: frozenset[tuple[str, str]] = frozenset()


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
    r"\bunprofessional\b|\bdidn't care\b|"
    r"\binexcusabl[ey]\b|\birresponsib(?:le|ly|ility)\b|\bthoughtless(?:ly|ness)?\b|\bamateurish\b|\bshodd(?:y|ily)\b|"
    r"\black of (?:professionalism|ownership|accountability|rigou?r|vigilance|thoroughness|urgency|competence)\b|"
    r"\blacked (?:the )?(?:discipline|competence|common sense|skills?|experience|judge?ment)\b|\bdropped the ball\b|"
    r"\basleep at the wheel\b|\bcut corners\b|\bjumped the gun\b|\btook (?:his|her|their|our) eyes? off\b|"
    r"\b(?:paid|paying) (?:no|too little|not enough|insufficient) attention\b|"
    r"\b(?:did not|didn't) do (?:his|her|their|our) (?:job|homework)\b"
)
FAULT = re.compile(
    r"\b(?:is|was|are|were|be)(?: \w+)? to blame\b|\bthe fault of\b|"
    r"\b(?:our|my|his|her|their|your|\w+'s?)(?: own)? (?:fault|mistake|mistakes|negligence|carelessness|oversight|"
    r"incompetence|blunder)\b|"
    rf"\b(?:mistake|error|oversight|typo|blunder|misconfiguration)s? (?:made )?by {GROUP}\b|"
    rf"\b(?:mistake|error|oversight|typo|blunder|misconfiguration)s? (?:made )?(?:by|of) (?:an?|the|our|"
    rf"one of) (?:[\w-]+ ){{0,3}}?(?:{PERSON})\b|"
    r"\b(?:poor|bad) (?:discipline|attitude|leadership|management|workmanship)\b|"
    rf"\b(?:{PERSON}|team|squad|crew|department|management|vendor|manager)'s? (?:inexperience|ignorance|haste|impatience|"
    rf"inattention|"
    r"misunderstanding|misjudge?ment|failure to|lack of|refusal|reluctance|stubbornness|overconfidence|confusion|sloppiness|"
    r"error)\b|"
    rf"\b(?:fault|blame|responsibility)(?: for [^.;,]{{1,40}}?)? (?:lies|lay|rests|rested|falls|fell|sits) (?:\w+ )?with "
    rf"(?:{GROUP}|{SOMEBODY})\b|"
    rf"\bblamed on (?:{GROUP}|{SOMEBODY})\b|"
    r"\b(?:mistake|error|oversight|blunder|failure)s? on (?:our|my|his|her|their) (?:part|side|end)\b|"
    r"\b(?:ignored|disregarded|dismissed) (?:our|my|their|repeated|all|several) (?:\w+ )?(?:warnings?|advice|"
    r"alerts?|concerns|mails?)\b"
)
NOT_FAULT = re.compile(
    r"\b(?:it|that|what|let|there|node|disk|page|memory|segmentation|system|service|server|tool|script|"
    r"database)'s? (?:fault|mistake)"
)
MADE = re.compile(
    rf"\b(?:{GROUP}|we|i|he|she|they|someone|somebody|who)(?: (?:also|had|have|has|apparently|then|"
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
    rf"|\b{GROUP} (?:\w+ly |had |has )?(?:{words.MARKERS}|messed up|screwed up|misconfigured|misread|ignored|"
    rf"broke|forgot|botched|mishandled)\b"
)
SILLY = re.compile(
    r"\b(?:rookie|silly|stupid|dumb|embarrassing|careless|honest|foolish|amateur) (?:mistakes?|errors?)\b"
)
SOMEONE = re.compile(
    r"\b(?:someone|somebody)(?: (?:on|in|from|at) (?:[\w-]+ ){1,4}?)?(?: had| has| then| \w+ly)*"
    r" (?:deleted|removed|disabled|pushed|merged|turned|switched|unplugged|committed|broke|dropped|killed|changed|shipped|"
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
    r"informing|notifying|warning|consulting|considering|thinking|noticing|waiting|understanding|first|proper|any (?:testing|"
    r"review|"
    r"approval|notice)|review|testing|authorization|authorisation|"
    r"(?:an?|any|the|prior|so much as a)(?: [\w-]+){0,2}? (?:review|backup|dry run|rollback plan|tests?|plan|ticket|approval|"
    r"where clause|sign-off|change request|risk assessment|consent|thought))"
)
WITHOUT = re.compile(rf"\w+(?:ed|ran|put|took) (?:\w+ ){{0,4}}?{CARELESSLY}\b")
WE_WITHOUT = re.compile(
    rf"\b(?:we|i|they|{GROUP}|(?:marketing|sales|finance|management|operations|ops|support|product))"
    rf" (?:had |have |\w+ly )*(?:\w+ed|ran|put|took|did|made|sent|set|built|cut|wrote|went|gave|brought)"
    rf" (?:[\w-]+ ){{0,8}}?{CARELESSLY}\b"
)
# What somebody made is told with what it broke.
BROKE = re.compile(
    r"^(?:that|which) (?:had |then |\w+ly )*(?:broke|caused|brought|took|crashed|blocked|led to|resulted in|"
    r"deleted|wiped|disabled|filled|overloaded|exhausted|corrupted|knocked|locked|exposed|leaked|interrupted|cut off)\b"
)
CARELESS_PERSON = re.compile(rf"\b(?:{words.CARELESS})(?: \w+)? (?:{PERSON})\b")
BY_PERSON = re.compile(
    rf"(?P<marked>\b(?:{words.MARKERS}|by mistake|by accident)\b(?: \w+){{0,6}}?|\b(?:misconfigured|mistyped|"
    rf"wiped|botched|bungled|mishandled|misread|messed up|ruined|sabotaged|ignored|skipped|overlooked|forgotten|neglected|"
    rf"disregarded|rushed)\b(?: \w+){{0,3}}?)"
    rf" by (?:an?|the|our|one of (?:our|the)|some|another|someone)?(?: ?[\w-]+){{0,3}}? ?"
    rf"(?:{PERSON}|member of|new hire|team|crew|squad|department|management)\b"
    rf"|\bby (?:an?|the|our|one of (?:our|the)|another)(?: [\w-]+){{0,2}} (?:{PERSON}) (?:by (?:mistake|accident)|"
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
WRONG = re.compile(
    r"^(?:wrong|incorrect)\b(?!-)(?! (?:behaviour|behavior|results?|numbers of)| \w+ (?:lists?|counters?|queues?|pages?)\b)"
)
POOR = re.compile(
    r"^(?:unfinished|half-finished|incomplete|unverified|outdated|stale|bad|faulty|untested|invalid|malformed|broken|"
    r"erroneous|unreviewed|buggy|poor|dangerous|unsafe)\b"
)
CREATED = re.compile(rf"\b(?:{words.CREATED})\b")
LOST = re.compile(
    rf"^(?:{words.LOST})\b(?:(?: \w+){{0,4}}? (?:production|prod|entire|whole|live)\b"
    rf"| (?:an?|the|all|every|our|his|her|their)(?: (?!{words.SPARE})[\w-]+){{0,3}}? (?:tables?|databases?|volumes?|buckets?|"
    rf"clusters?|"
    r"director(?:y|ies)|folders?|schemas?|partitions?|namespaces?|records?|rows|data|disks?)\b)"
    r"|^(?:pulled|unplugged|disconnected|cut|severed|switched off|powered (?:off|down)|shut down)(?: [\w-]+){0,6}? (?:live|"
    r"running)\b"
)
EXTRA = re.compile(
    r"^(?:typed|entered|added|put|set|copied|pasted|wrote|left)(?: [\w-]+){0,5}? (?:extra|too many|too few|one too)\b"
    r"|^(?:did nothing|told (?:nobody|no one|no-one)|gave (?:[\w-]+ )?(?:contradictory|conflicting|misleading|confusing)|"
    r"hard-?coded)\b"
)
ASSUMED = re.compile(
    r"^(?:assumed|presumed|took (?:it )?for granted|trusted that)\b(?![^.;]{0,90}?\b(?:as|because|since)\b)"
)
INSTEAD = re.compile(r"^(?:instead of|rather than) \w+ing\b")
PAST = re.compile(rf"(?:\w{{2,}}ed|{words.PAST})")
BENIGN_OBJECT = re.compile(rf"\b(?:{words.HELPFUL})\b")
HARMING = re.compile(
    r"^(?:causing|leading to|resulting in|taking down|bringing down|breaking|wiping|deleting|corrupting|overloading|crashing|"
    r"exposing)\b"
)
BUG = re.compile(
    r"^(?:introduced|introduces|caused|created|wrote|made|makes|made)(?: \w+){1,3}? ?(?:bug|bugs|regression|"
    r"mistake|mistakes|error|errors|typo|outage|incident|problem|"
    r"wrong assumption|incorrect assumption)\b|^wrote (?:\w+ )?code that\b|^supposed to\b(?=.*\bbut\b)"
)
NEGLIGENT = re.compile(rf"^{CARELESSLY}\b")
GOT_WRONG = re.compile(
    r"^(?:got|had|did|put|set) (?:[\w-]+ ){1,6}?(?:wrong(?! \w)|backwards|mixed up|the wrong way (?:round|around))\b"
    r"|^(?:got|had) (?:[\w-]+ ){1,6}?wrong\b(?= (?:and|in|when|so|twice)\b)"
)
EXPOSED = re.compile(
    r"^(?:pasted|committed|leaked|published|posted|checked in|pushed|exposed|mailed|logged|shared|been sharing|reused) "
    r"(?:[\w'-]+ ){0,5}?"
    r"(?:credentials?|passwords?|secrets?|(?:private|api|access|signing|ssh) keys?|tokens?)\b(?! (?:in|to|into) (?:the |our "
    r")?vault)"
)
DESPITE = re.compile(
    r"^even though [^.;]{0,40}?(?:failed|failing|red|warned|not (?:been )?(?:tested|ready|finished|approved)|untested|"
    r"objected|advised)\b|"
    r"^despite (?:[\w-]+ ){0,3}?(?:warnings?|warned|red|failing|failed|alerts?|instructions?|objections?|concerns?|policy|"
    r"rules?|freeze|"
    r"told|asked|aware|knowing|risks?|advice)\b"
)
NAME_ACTS = re.compile(
    rf"^(?: and [\w'-]+)?(?:,| who\b| (?:\w+ly|also|then|just|again)\b)* (?:\w+ed|{words.PAST}|{words.MISDEEDS})\b|^,"
)
NEVER = re.compile(
    r"^(?:never) (?:turned|reverted|removed|restored|enabled|tested|checked|told|asked)\b|"
    r"^turned (?:\w+ ){0,4}off (?:\w+ )*and never\b"
)


def find(sentence: Sentence, names: Names) -> Iterator[Hit]:
    """Places in a sentence that blame a person, with the rule. `names` are those of people with an account."""
    yield from causes.find(sentence)
    yield from _phrases(sentence)
    yield from _fragments(sentence)
    yield from _companies(sentence)
    yield from _forgetful(sentence)
    for at, strong in _people(sentence):
        hit = _fails(sentence, at, strong)
        if hit:
            yield hit
        elif strong and (end := _odd_verb(sentence, at)):
            yield sentence.words[at].start, end, "person-as-cause"
    for first, at in _named(sentence, names):
        hit = _fails(sentence, at, strong=True)
        if hit:
            yield sentence.words[first].start, hit[1], "name-as-cause"


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
        name = found["name"].lower()
        if found["name"] not in NO_COMPANY and name not in words.NO_NAMES and name not in words.WORD_NAMES:
            yield found.start(), found.end(), "person-as-cause"


def _named(sentence: Sentence, names: Names) -> Iterator[tuple[int, int]]:
    """The names of people who act: the places of their first and last word. A name before a noun names a thing."""
    for at, word in enumerate(sentence.words):
        # A name is written with a capital: “will” and “mark” are words too.
        if not sentence.original[word.start].isupper() or not NAME_ACTS.match(sentence.text[word.end :]):
            continue
        whole = at > 0 and (sentence.words[at - 1].text, word.text) in names.together
        if whole or word.text in names.alone:
            yield at - 1 if whole else at, at


def _people(sentence: Sentence) -> Iterator[tuple[int, bool]]:
    """The words for a person who acts: their place, and whether it's one of ours."""
    for at, word in enumerate(sentence.words):
        before = sentence.words[at - 1].text if at else ""
        ours = word.text in words.PEOPLE or before in words.PEOPLE_AFTER.get(word.text, ()) or _is_group(sentence, at)
        if not ours and word.text not in words.OUTSIDERS:
            continue
        following = sentence.words[at + 1].text if at + 1 < len(sentence.words) else ""
        if word.text == "i" and sentence.text[word.end : word.end + 1] in ("/", ".", "-"):
            continue
        if word.text not in ("i", "he", "she") and following in words.THINGS:
            continue
        if word.text == "owner" and not following:
            continue
        # “Pushed by an engineer who had not read it” says of the engineer what they didn't do.
        if _acts(sentence, at) or (ours and following == "who"):
            yield at, ours


def _odd_verb(sentence: Sentence, at: int) -> int:
    """The end of the verb of a person, if it's in the past and none of the work that people do; 0 otherwise."""
    subject, text = sentence.words[at], sentence.text
    if subject.text in words.PROGRAMS_TOO | words.GROUPS or subject.text == "i":
        return 0
    for before, word in pairwise(sentence.words[at : at + 9]):
        if re.search(r"[.;:!?,(]", text[before.end : word.start]) or word.text in words.NO_VERB_YET:
            return 0
        if word.text in words.WORK:
            return 0
        if PAST.fullmatch(word.text):
            object_of_it = " ".join(re.split(r"[.;:!?,]", text[word.end :])[0].split()[:5])
            later = {each.text for each in sentence.words if word.end < each.start < word.end + 60}
            return 0 if BENIGN_OBJECT.search(object_of_it) or later & words.FINDING else word.end
    return 0


def _is_group(sentence: Sentence, at: int) -> bool:
    """Whether a word means several people as one: “the platform team”, not “team sizes”."""
    before = {word.text for word in sentence.words[max(0, at - 4) : at]}
    return sentence.words[at].text in words.GROUPS and bool(before & words.WHOSE)


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
    program = start.text in words.PROGRAMS_TOO or start.text in words.GROUPS
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
                and (between.strip() == "," or CREATED.search(text[start.end : word.start]))
            ):
                return start.start, _end(text, word.start), "person-as-cause"
            if word.text == "that" and len(seen) < 6 and not any(each in words.FINDING for each in seen) and not seen:
                relative = True
                continue
            return None
        # “They copied it without reading” goes on after “it”.
        is_object = word.text == "it" and bool(seen) and PAST.fullmatch(seen[-1]) is not None
        if word.text in ("we", "it", "they", "he", "she", "i") and not first and not is_object:
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
    if any(pattern.match(rest) for pattern in (LOST, GOT_WRONG, EXPOSED, EXTRA, ASSUMED)):
        return "person-as-cause"
    if seen and any(pattern.match(rest) for pattern in (WRONG, DESPITE, INSTEAD)):
        return "person-as-cause"
    if HARMING.match(rest) and any(PAST.fullmatch(each) for each in seen):
        return "person-as-cause"
    return "person-as-cause" if POOR.match(rest) and CREATED.search(passed) else ""
