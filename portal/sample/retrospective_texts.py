"""What the sample company's squads wrote in their retrospectives."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Told:
    """One retrospective: its sections by their keys, its themes, and the kinds and titles of its actions."""

    title: str
    sections: Mapping[str, str]
    themes: tuple[str, ...]
    actions: tuple[tuple[str, str], ...] = field(default=())


CHARGED_TWICE = Told(
    "Charged, and no order: two cards, one of them expired",
    {
        "summary": (
            "Payments with two cards went live and worked for everyone who tried them first. Ten hours later, support had three "
            "customers who were charged and had no order. All three had paid with a second card that had expired. Putting the "
            "version of the week before back took six minutes. Eleven people had their money back three hours after that."
        ),
        "impact": (
            "- 11 of 214 payments with two cards were charged and gave no order, 412 € in all.\n"
            "- Everyone had their money back within 14 hours.\n"
            "- Payments with one card were never affected.\n"
            "- Splitting a payment is off again for everyone until the fix."
        ),
        "timeline": (
            "The first message to support came an hour after the first such order. It read like a question about a delivery, "
            "and went the way such questions go. Only the third one made the pattern visible."
        ),
        "factors": (
            "**Both cards are checked, but only once.** The checkout asks the bank for both cards before it charges the first. "
            "An expired card passes that check with one of our two banks and is declined when it is charged.\n\n"
            "**The test cards never expire.** The bank’s test system has cards for every kind of refusal except this one. The "
            "regression test covered all the refusals it had.\n\n"
            "**Orders and payments are in two systems.** A charge without an order is visible only to somebody who compares "
            "them. That happens once a day.\n\n"
            "**The acceptance check was a good one, for what was known.** It paid with two valid cards, as the story’s "
            "acceptance criteria said."
        ),
        "went_well": (
            "- Support compared notes without being asked. Three cases were enough.\n"
            "- Going back to v1.1 was a routine: the runbook has two commands, and it took six minutes.\n"
            "- The line for customers was up an hour before the rollback. Nobody had to write to us twice."
        ),
        "lucky": (
            "These were quiet days. Before the holidays there are six times as many payments with two cards, and support is "
            "busy with deliveries."
        ),
        "surprised": (
            "A card that has expired isn’t refused by every bank when you ask. Two of us were sure it was, and the "
            "documentation of one bank says so."
        ),
        "learnings": (
            "- What a bank says when you ask and what it does when you charge are two different things. Test the charge.\n"
            "- When two systems have to agree, the time until somebody notices is the time until somebody compares them.\n"
            "- A pattern needs a place where cases meet. For us, that was a conversation at the coffee machine."
        ),
        "actions": (
            "We chose one that finds such a charge within minutes, whatever causes it, and one that takes the cause away. We "
            "decided against switching split payments off for one bank’s cards only: customers don’t know which bank it is."
        ),
    },
    ("payments", "banks", "test data", "rollback"),
    (
        ("detect", "Compare charges with orders every five minutes, and alert on a charge without an order"),
        ("prevent", "Cancel the first charge when the second one is declined"),
    ),
)
# The story of the first action.
COMPARE = (
    "A charge without an order is noticed when the daily report is read. Compare both every five minutes, and alert whoever "
    "is on call."
)
COMPARED = "A charge without an order raises an alert within ten minutes\nThe alert names the charge"
CERTIFICATES = Told(
    "New certificates on both load balancers, without a night shift",
    {
        "summary": (
            "The certificates of both load balancers were replaced between two meetings, three weeks before the old ones ran "
            "out. No request was lost and no complaint came. A year ago the same work took a night and a phone conference."
        ),
        "impact": "None that anyone could see, which was the point. It took two people 50 minutes.",
        "timeline": "The day in between was for trying it with one of the two. There was no hurry, and that was new.",
        "factors": (
            "- The date of expiry had been in everyone’s calendar for two months, with the steps beside it.\n"
            "- One load balancer can carry all the traffic, and we had tried that the week before.\n"
            "- Two people did it together: one typed, one read the steps aloud and looked at the graphs.\n"
            "- The check at the end was written down before we began: a browser and openssl, from outside."
        ),
        "lucky": "The authority answered within minutes. It may take a day.",
        "surprised": "The old certificate had a name on it that no server has had since spring. Nothing needed it.",
        "learnings": (
            "- Work that used to need a night takes less than an hour once half of the machines are enough.\n"
            "- Reading the steps aloud felt odd for two minutes, and found a wrong path in the third."
        ),
        "actions": "Keep doing it in pairs. Search’s cluster could be moved the same way, one half at a time.",
    },
    ("certificates", "operations", "working in pairs"),
)
