"""What the language coach asks about, and what it leaves alone."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squads.language_coach import coach
from squads.language_coach.rules import BY_ID, RULES


def found(text: str, *names: str) -> list[tuple[str, str]]:
    return [(each.rule.id, text[each.start : each.end]) for each in coach.find(text, names)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_rule_finds_its_example(rule: coach.Rule) -> None:
    assert rule.id in {each for each, _ in found(rule.example, "Ruben")}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_rule_has_a_sentence_a_question_and_a_source(rule: coach.Rule) -> None:
    assert rule.why.endswith(".") and rule.question.endswith("?")
    assert rule.question.split()[0] in ("How", "What")
    assert rule.source and BY_ID[rule.id] is rule


@pytest.mark.parametrize(
    "text",
    [
        "The job failed to start.",
        "Each service should have an owner.",
        "All services should have automated backups.",
        "The table was dropped by the clean-up job.",
        "The on-call engineer found the wrong label and corrected it.",
        "We did not find any evidence of data loss.",
        "It could also have been a problem with DNS.",
        "The user interface ignored the wrong value.",
        "The package manager ignored the pinned version.",
        "We checked if the pods had restarted.",
        "Nobody was notified.",
        "We expected that the pods would have been rescheduled.",
        "The operator did not reconcile the resource.",
        "I/O errors were seen on the volume.",
        "",
    ],
)
def test_systems_plans_and_facts_are_left_alone(text: str) -> None:
    assert found(text) == []


def test_a_finding_has_the_place_of_its_words_in_a_longer_text() -> None:
    text = (
        "# Timeline\n\n- 10:00 All was **well**.\n- We shouldn’t have merged\n  on a Friday.\n\nHuman error, they said."
    )
    assert found(text) == [("should-have", "shouldn’t have merged"), ("human-error", "Human error")]


@pytest.mark.parametrize(
    "text",
    [
        "`we should have tested`",
        "```\nwe should have tested\n```",
        "> We should have tested.",
        "The page said “we should have tested”.",
        'The log said "human error".',
        "[link](https://example.org/we-should-have-tested)",
    ],
)
def test_code_quotations_and_addresses_are_not_read(text: str) -> None:
    assert found(text) == []


def test_a_known_name_that_fails_gets_the_advice_to_name_a_role() -> None:
    text = "Ruben forgot the last step."
    assert found(text) == []
    assert found(text, "Ruben Vos") == [("name-as-cause", "Ruben forgot the last")]
    assert "the on-call engineer" in BY_ID["name-as-cause"].why


def test_a_known_name_that_does_its_work_is_left_alone() -> None:
    assert found("Ruben rolled back the release. Will the engineer join?", "Ruben", "Will") == []


def test_an_account_named_after_a_thing_makes_no_person_of_it() -> None:
    assert found("The job failed to start. Backup failed to finish.", "The talk", "Backup Bot") == []


def test_a_name_that_is_also_a_word_needs_its_capital() -> None:
    assert found("The job will ignored be.", "Will") == []


@pytest.mark.parametrize(
    "text",
    [
        "Grace periods were missed.",
        "Art uploads broke the CDN.",
        "Chase broke down the costs.",
        "Sun forgot to include the new parts.",
        "Jenkins failed to start and skipped the stage.",
        "Ruben uploads broke the CDN.",
        "Ruben broke down the costs.",
        "The Hopper queue was skipped.",
    ],
)
def test_a_first_name_that_is_a_word_or_stands_before_a_noun_names_nobody(text: str) -> None:
    assert found(text, "Grace Hopper", "Art Vos", "Chase Hill", "Sun Li", "Jenkins", "Ruben Vos") == []


def test_a_name_that_is_a_word_names_somebody_beside_the_other_one() -> None:
    people = ("Grace Hopper", "Will Page", "Ruben Vos")
    assert found("Grace Hopper forgot the last step.", *people)[0] == ("name-as-cause", "Grace Hopper forgot the last")
    assert found("Will Page ignored the alert.", *people)[0][0] == "name-as-cause"
    assert found("Page ignored the alert.", *people) == []
    assert found("Ruben, our DBA, dropped the wrong table.", *people)[0][0] == "name-as-cause"
    assert found("Ruben and Ana missed the alert.", *people)[0][0] == "name-as-cause"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("The root cause was an engineer running the job by hand.", "person-as-cause"),
        ("The deploy was botched by a new hire.", "person-as-cause"),
        ("Someone pasted the password into the ticket.", "person-as-cause"),
        ("The change was made by an engineer who hadn't read the plan.", "person-as-cause"),
        ("An engineer restarted the node instead of asking.", "person-as-cause"),
        ("Our SRE got the order of the steps wrong.", "person-as-cause"),
        ("They never tested the backup.", "did-not"),
        ("This outage need not have happened.", "would-have"),
        ("If we'd known, we'd have waited.", "if-had"),
        ("Had somebody looked, the queue could have been cleared.", "if-had"),
        ("Customers should have been told at once.", "should-have"),
    ],
)
def test_blame_and_hindsight_are_found_in_other_forms_too(text: str, rule: str) -> None:
    assert rule in {each for each, _ in found(text)}


@pytest.mark.parametrize(
    "text",
    [
        "The scheduler would have evicted the pod anyway.",
        "What could have gone worse: the backups were on the same array.",
        "Requests that should have gone to Dublin were answered by Frankfurt.",
        "The watchdog should have restarted the worker, but its timer was off.",
        "The migration would have taken nine hours at that rate.",
        "We could have failed over, and we chose to wait.",
        "The broken pod was deleted by an engineer.",
        "An engineer pushed the fix to staging.",
    ],
)
def test_what_a_system_was_about_to_do_and_what_people_chose_are_left_alone(text: str) -> None:
    assert found(text) == []


def test_findings_do_not_overlap() -> None:
    findings = coach.find("If only we had known, an engineer would not have deleted the wrong volume by mistake.")
    assert len(findings) > 1
    assert all(first.end <= second.start for first, second in pairwise(findings))


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_text_is_read_and_places_are_inside_it(text: str) -> None:
    for each in coach.find(text, ["Ana"]):
        assert 0 <= each.start < each.end <= len(text)


@pytest.mark.parametrize(
    "piece",
    [
        "engineer ",
        "if we had ",
        "we should have ",
        "a",
        "İ",
        "`",
        "had the would ",
        "'",
        "> ",
        "\n",
        "by an engineer ",
        "the team ",
        "caused by an ",
        "whoever had ",
        "one of our ",
        "incident because an ",
        "cause of the ",
        "if we'd ",
        "they against ",
        "neither the ",
    ],
)
def test_the_longest_text_is_read_in_bounded_steps(piece: str) -> None:
    text = (piece * coach.LONGEST)[: coach.LONGEST]
    assert all(each.end <= len(text) for each in coach.find(text))


def test_the_document_lists_every_rule() -> None:
    document = (Path(__file__).parents[3] / "docs" / "language-coach.md").read_text(encoding="utf-8")
    listed = document.split("<!-- rules -->\n")[1].split("<!-- /rules -->")[0]
    assert listed == "".join(
        f"| {rule.id} ({rule.label}) | {rule.finds} | {rule.why} | {rule.question} | {rule.source} |\n"
        for rule in RULES
    )
