"""The rules of the coach as data: what each finds, why it matters, what to ask instead, and where the idea comes from."""

from dataclasses import dataclass

BLAMEFUL = "blameful"
COUNTERFACTUAL = "counterfactual"


@dataclass(frozen=True)
class Rule:
    """A kind of phrase. `label` is blameful or counterfactual; `finds` names the phrases; `question` is one to try."""

    id: str
    label: str
    finds: str
    why: str
    question: str
    source: str
    example: str


DEKKER = "Sidney Dekker, The Field Guide to Understanding ‘Human Error’ (3rd edition, 2014)"
ALLSPAW = "John Allspaw, Blameless PostMortems and a Just Culture (Etsy, 2012)"
SRE = "Beyer, Jones, Petoff and Murphy (eds.), Site Reliability Engineering (2016), chapter 15"
HOWIE = "Howie: The Post-Incident Guide (Jeli, 2021)"
FISCHHOFF = "Baruch Fischhoff, Hindsight ≠ Foresight (Journal of Experimental Psychology, 1975)"
WOODS = "Woods, Dekker, Cook, Johannesen and Sarter, Behind Human Error (2nd edition, 2010)"

RULES = (
    Rule(
        "person-as-cause",
        BLAMEFUL,
        "a person who does something wrong: “an engineer deleted the wrong volume”",
        "A person as the cause ends the search for what made the action seem right.",
        "What did they see and know at that moment, and how did the tools allow this?",
        ALLSPAW,
        "An engineer deleted the wrong volume.",
    ),
    Rule(
        "name-as-cause",
        BLAMEFUL,
        "the name of someone with an account, with something that went wrong",
        "A name makes others careful about what they tell: name the role, such as “the on-call engineer”.",
        "How did the situation look to the person in that role?",
        SRE,
        "Ruben forgot the last step.",
    ),
    Rule(
        "human-error",
        BLAMEFUL,
        "“human error”, “operator error”, “fat finger”",
        "“Human error” names no condition that you can change.",
        "What made this action easy to take, and what made its effect hard to see?",
        DEKKER,
        "The outage was due to human error.",
    ),
    Rule(
        "judged-carelessness",
        BLAMEFUL,
        "a judgement on care: “careless”, “didn't bother”, “without checking”",
        "A judgement on someone's care explains nothing: people did what made sense to them.",
        "What else asked for attention then, and how did the work usually go?",
        WOODS,
        "Poor judgement delayed the rollback.",
    ),
    Rule(
        "fault",
        BLAMEFUL,
        "who is at fault: “the operator's mistake”, “is to blame”",
        "Fault says who, not how, and the next person meets the same trap.",
        "How did several things have to come together for this to happen?",
        DEKKER,
        "The storage team is to blame.",
    ),
    Rule(
        "should-have",
        COUNTERFACTUAL,
        "“should have”, “shouldn't have”, “ought to have”",
        "What should have happened didn't, so it can't explain what did.",
        "What happened instead, and what made it the sensible thing to do?",
        DEKKER,
        "We should have tested the restore.",
    ),
    Rule(
        "could-have",
        COUNTERFACTUAL,
        "“could have been avoided”, “might have noticed”",
        "That it could have gone otherwise is only visible afterwards.",
        "What was known then, and what would make it visible next time?",
        FISCHHOFF,
        "This could have been avoided.",
    ),
    Rule(
        "would-have",
        COUNTERFACTUAL,
        "“would have caught it”, “would not have happened”",
        "It tells of an imagined past; an action can say what you will do.",
        "How does this work today, and what do you want to change?",
        DEKKER,
        "A canary would have caught it.",
    ),
    Rule(
        "if-had",
        COUNTERFACTUAL,
        "“if we had …”, “had we known”",
        "An “if” about the past describes an incident that didn't take place.",
        "What did you have at that time, and how did you use it?",
        HOWIE,
        "Had we known, we would have waited.",
    ),
    Rule(
        "did-not",
        COUNTERFACTUAL,
        "what people didn't do: “we failed to notice”, “nobody checked”",
        "People always leave countless things undone: it matters what they did and why.",
        "What were you looking at, and what made it hard to notice?",
        WOODS,
        "We did not notice the rising error rate.",
    ),
    Rule(
        "hindsight",
        COUNTERFACTUAL,
        "“in hindsight”, “if only”, “was preventable”",
        "Knowing the outcome makes the signs look clearer than they were.",
        "How did it look before you knew how it would end?",
        FISCHHOFF,
        "In hindsight, the change was too big.",
    ),
)
BY_ID = {rule.id: rule for rule in RULES}
