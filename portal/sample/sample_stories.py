"""What the sample company works on: who, which stories, what they wrote in them and what they said about them."""

from dataclasses import dataclass

PEOPLE = {
    "sample-ana": "Ana Ortega",
    "sample-kofi": "Kofi Mensah",
    "sample-mei": "Mei Lin",
    "sample-jonas": "Jonas Weber",
    "sample-nadia": "Nadia Rossi",
    "sample-talk": "The talk",
}
# Manages projects.
MANAGER = "sample-nadia"
SQUADS = {
    "PAY": ("Payments", "horizontal", "People pay once, correctly, the way they like.", "sample-ana"),
    "SRCH": ("Search", "horizontal", "People find what they mean, not what they typed.", "sample-kofi"),
    "PLAT": ("Platform", "vertical", "Squads deploy without asking anyone.", "sample-mei"),
    "APP": ("Mobile", "horizontal", "People buy on the way.", "sample-jonas"),
    "OH": ("OneHealth", "horizontal", "The company of the talk, in 2012 and 2013.", "sample-talk"),
}
# Who works there beside the lead.
MEMBERS = {
    "PAY": ("sample-jonas", "sample-kofi"),
    "SRCH": ("sample-mei",),
    "PLAT": ("sample-jonas", "sample-kofi"),
    "APP": ("sample-mei",),
}


@dataclass(frozen=True, slots=True)
class SampleStory:
    """One story. `steps` are hours ago: begun, dev done (neither: to do); `days` is in how many days it is needed.

    A comment is hours ago, by whom, and what. Without `assignees` whoever leads the squad works on what has begun.
    """

    key: str
    type: str
    title: str
    steps: tuple[float, ...]
    description: str
    criteria: str = ""
    assignees: tuple[str, ...] = ()
    flag: str = ""
    priority: str = "normal"
    labels: tuple[str, ...] = ()
    days: int | None = None
    comments: tuple[tuple[float, str, str], ...] = ()


STORIES = (
    SampleStory(
        "PAY-1",
        "user_story",
        "Pay with a stored card in one step",
        (445, 415),
        "Returning customers have a card with us, but one in six gives up when typing it again.\n\n"
        "Offer the card that was used last, and ask for its security code only above 50 €.",
        "A stored card pays in one step\nThe receipt arrives within a minute",
        labels=("cards", "checkout"),
        comments=(
            (430, "sample-kofi", "Which card do we offer when someone has three?"),
            (428, "sample-ana", "The one used last. The others are one click away."),
            (394, "sample-kofi", "Bought a mug with it. The receipt was there before I closed the tab."),
        ),
    ),
    SampleStory(
        "PAY-2",
        "user_story",
        "Refund to a gift card",
        (330, 299),
        "Some people return gifts and have no card that we could refund. Offer a gift card as well.",
        "A refund can go to a gift card\nThe balance can be spent at once",
        ("sample-jonas",),
        labels=("refunds",),
        comments=((240, "sample-jonas", "Live since Monday. Someone still needs to check it in production."),),
    ),
    SampleStory(
        "PAY-3",
        "user_story",
        "Send the invoice as PDF",
        (310, 289),
        "Companies book invoices, and cannot book an e-mail. Attach the invoice as PDF/A, with the VAT number.",
        "The PDF is attached to the receipt\nIt has the VAT number of both sides",
        labels=("invoices", "mail"),
        comments=((243, "sample-ana", "We skipped staging for this one. That explains the gap."),),
    ),
    SampleStory(
        "PAY-4",
        "user_story",
        "Split one purchase over two cards",
        (200, 165),
        "Couples and flatmates share a purchase. Both cards are charged together or neither is.",
        "Two cards share the amount\nIf the second is declined, the first is not charged",
        ("sample-ana", "sample-jonas"),
        priority="high",
        labels=("cards", "checkout"),
        days=4,
        comments=(
            (153, "sample-kofi", "Paid for a book with two cards. It works."),
            (139, "sample-ana", "Rolled back: if the second card has expired, the first is still charged."),
            (138, "sample-jonas", "I have a failing test for it. The fix is next."),
        ),
    ),
    SampleStory(
        "PAY-5",
        "user_story",
        "Remind before a stored card expires",
        (80, 59),
        "People only notice an expired card when they pay. Remind them once, two weeks before.",
        "The mail goes out 14 days before\nIt is sent only once",
        labels=("cards", "mail"),
        comments=((57, "sample-mei", "The run is green. It goes out with the next deployment of checkout."),),
    ),
    SampleStory(
        "PAY-6",
        "defect",
        "VAT is rounded per item instead of per invoice",
        (30, 19),
        "Three items of 0.33 € are a cent off. The tax office counts per invoice, and so must we.\n\n"
        "1. Put three items of 0.33 € into the basket\n2. Pay\n3. The VAT on the invoice is 0.18 €, and should be 0.19 €",
        "The VAT is rounded once per invoice",
        ("sample-jonas",),
        priority="urgent",
        labels=("invoices",),
        days=1,
        comments=((22, "sample-ana", "The accountants need this before Friday."),),
    ),
    SampleStory(
        "PAY-7",
        "user_story",
        "Show prices in the visitor's currency",
        (40,),
        "Half of the visitors from abroad leave at the first price. Show theirs beside ours; the charge stays in euros.",
        "The price is shown in both currencies\nThe rate is not older than a day",
        ("sample-jonas",),
        labels=("checkout",),
        days=12,
    ),
    SampleStory(
        "PAY-8",
        "defect",
        "The receipt shows the wrong time zone",
        (),
        "A purchase at 23:30 in Lisbon is on the receipt of the next day.",
        "The receipt has the time of the place of purchase",
        priority="low",
        labels=("invoices",),
    ),
    SampleStory("PAY-9", "user_story", "Pay by cheque", (), "Two visitors asked for it."),
    SampleStory(
        "PAY-10", "defect", "The receipt is an hour off in summer", (), "The time on the receipt is an hour early."
    ),
    SampleStory(
        "SRCH-1",
        "user_story",
        "Find products despite typing errors",
        (240, 209),
        "One search in nine has a typing error, and finds nothing. Up to two letters may differ in a word of five.",
        "“trouser” finds trousers\nResults arrive within 200 ms",
        flag="typo-search",
        labels=("relevance",),
        comments=((198, "sample-kofi", "Deployed, and dark until the flag typo-search is on."),),
    ),
    SampleStory(
        "SRCH-2",
        "user_story",
        "Suggest while typing",
        (110, 79),
        "Five suggestions under the field, after the second letter. Arrow keys choose.",
        "Suggestions come within 100 ms\nThey work with the keyboard alone",
        ("sample-mei",),
        priority="high",
        labels=("suggestions",),
        days=6,
        comments=((74, "sample-mei", "Tested on staging. @sample-kofi, when is the next deployment?"),),
    ),
    SampleStory(
        "SRCH-3",
        "defect",
        "Umlauts are not found",
        (345, 329),
        "“Muesli” finds müsli, and “Müsli” finds nothing.",
        "“Müsli” and “Muesli” find the same",
        labels=("relevance",),
    ),
    SampleStory(
        "SRCH-4",
        "chore",
        "Move the index to the new cluster",
        (120, 70),
        "The old cluster is switched off at the end of the quarter. Both run side by side for a week.",
        priority="low",
    ),
    SampleStory(
        "PLAT-1",
        "chore",
        "Rotate the certificates of the load balancers",
        (130, 91),
        "They expire in three weeks. No pipeline does this yet, so the evidence is by hand.",
        "Both load balancers present the new certificate",
        labels=("operations",),
    ),
    SampleStory(
        "PLAT-2",
        "user_story",
        "Carry the request id from gateway to checkout",
        (275, 253),
        "One id in the logs of both, so that a purchase can be followed. It changes two services: both must be deployed.",
        "The same id is in the logs of gateway and checkout",
        ("sample-mei", "sample-jonas"),
        labels=("operations",),
        comments=((244, "sample-jonas", "Checkout has it in production; gateway is still on staging."),),
    ),
    SampleStory(
        "PLAT-3",
        "chore",
        "Drain connections before a restart",
        (26,),
        "A restart cuts off anyone who is paying. Stop taking new connections, wait 30 seconds, then restart.",
        "No request is cut off by a restart",
        ("sample-jonas",),
        labels=("operations",),
        days=3,
    ),
)


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of the generated repository: hours ago, author, message, the tag that follows it, a file it adds, and the end of
    its message."""

    ago: float
    author: str
    message: str
    tag: str = ""
    file: str = ""
    trailer: str = ""


COMMITS = (
    Commit(600, "sample-ana", "Begin the checkout"),
    Commit(430, "sample-ana", "PAY-1 Offer stored cards", file="db/migrations/0001_stored_cards.sql"),
    Commit(420, "sample-ana", "PAY-1 Ask for confirmation only once"),
    Commit(400, "sample-mei", "Upgrade the web framework", "v1.0"),
    Commit(300, "sample-ana", "PAY-2 Refund to a gift card"),
    Commit(290, "sample-ana", "PAY-3 Render invoices as PDF"),
    Commit(250, "sample-mei", "PLAT-2 Read the request id from the gateway", "v1.1"),
    Commit(170, "sample-ana", "PAY-4 Split the amount over two cards"),
    Commit(160, "sample-ana", "Make the total easier to read", "v1.2"),
    Commit(
        60,
        "sample-ana",
        "PAY-5 Find stored cards that expire soon",
        file="db/migrations/0002_card_expiry.sql",
        trailer="Schema-Change: expand",
    ),
    Commit(50, "sample-mei", "Silence a warning of the linter"),
    Commit(20, "sample-ana", "PAY-6 Round the VAT once per invoice", file="db/migrations/0003_drop_line_vat.sql"),
)
