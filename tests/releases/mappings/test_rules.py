"""Rules applied to facts: a pure function of both."""

from datetime import UTC, datetime
from typing import Any

import pytest

from releases.mappings import engine
from releases.mappings.engine import Rule, RuleSet
from releases.providers.facts import AcceptanceSeen, AlertSeen, DeploymentSeen, EnvironmentSeen, LeftOut, RunSeen

AT = datetime(2026, 3, 1, tzinfo=UTC)


def _run(pipeline: str = "deploy-prod", **fields: Any) -> RunSeen:
    return RunSeen(
        key="7", at=AT, phase="finished", outcome="success", pipeline=pipeline, repository="shop/web", **fields
    )


def _one(fact: Any, *rules: Rule, source: int | None = None) -> Any:
    return engine.apply_rules([fact], RuleSet(list(rules)), source).facts[0]


def test_without_rules_a_fact_stays_what_it_is_and_its_names_are_told() -> None:
    run = _run(service="checkout")
    done = engine.apply_rules([run], RuleSet())
    assert done.facts == [run] and done.facts[0] is run
    assert done.names == {("pipeline", "deploy-prod"), ("service", "checkout")}


def test_a_run_of_a_deploy_pipeline_is_a_deployment_with_names_from_the_pattern() -> None:
    rule = Rule("pipeline", "/(?P<what>\\w+)-(prod|test)/", "deploy", "{what}", "{2}-eu")
    seen = _one(_run("pay-prod", sha="abcdef1", url="https://ci.example/7", raw_status="SUCCESS"), rule)
    assert isinstance(seen, DeploymentSeen)
    assert (seen.key, seen.service, seen.environment, seen.sha) == ("run:7", "pay", "prod-eu", "abcdef1")
    assert (seen.phase, seen.outcome, seen.raw_status, seen.url) == (
        "finished",
        "success",
        "SUCCESS",
        "https://ci.example/7",
    )
    assert seen.data()["said"] == {"pipeline": "pay-prod"}


def test_a_deployment_without_a_service_in_the_rule_is_of_the_runs_own_or_its_repositorys() -> None:
    rule = Rule("pipeline", "deploy-*", "deploy", environment="{1}")
    seen = _one(_run(service="checkout"), rule)
    assert (seen.service, seen.repository, seen.environment) == ("checkout", "shop/web", "prod")
    assert _one(_run(), rule).service == ""


def test_an_acceptance_pipeline_is_a_check_named_after_it() -> None:
    seen = _one(_run("smoke"), Rule("pipeline", "smoke", "acceptance", "checkout", "staging"))
    assert isinstance(seen, AcceptanceSeen)
    assert (seen.name, seen.service, seen.environment, seen.repository) == ("smoke", "checkout", "staging", "shop/web")


def test_the_first_rule_that_fits_decides() -> None:
    rules = Rule("pipeline", "deploy-docs", "ignored"), Rule("pipeline", "deploy-*", "deploy", environment="{1}")
    assert isinstance(_one(_run("deploy-docs"), *rules), LeftOut)
    assert isinstance(_one(_run("deploy-prod"), *rules), DeploymentSeen)


def test_what_is_left_out_remembers_its_names() -> None:
    seen = _one(_run("lint", service="web"), Rule("pipeline", "lint", "ignored"))
    assert (seen.kind, seen.key, seen.data()) == ("left_out", "run:7", {"said": {"pipeline": "lint", "service": "web"}})


def test_services_and_environments_get_their_names_here() -> None:
    deployment = DeploymentSeen(key="1", at=AT, service="Checkout-Svc", environment="p1", phase="finished")
    rules = (
        Rule("service", "*-svc", service="{1}"),
        Rule("environment", "p?", environment="prod-{1}", tier="production"),
    )
    done = engine.apply_rules([deployment], RuleSet(list(rules)))
    assert (done.facts[0].service, done.facts[0].environment) == ("Checkout", "prod-1")  # type: ignore[attr-defined]
    assert done.tiers == {"prod-1": "production"}
    assert dict(done.facts[0].original_names) == {"service": "Checkout-Svc", "environment": "p1"}


def test_an_environment_event_is_about_the_environment_that_is_meant() -> None:
    seen = _one(EnvironmentSeen(key="p1", at=AT), Rule("environment", "p1", environment="prod"))
    assert seen.key == "prod"


def test_a_rule_that_gives_the_name_it_met_changes_nothing() -> None:
    run = _run(service="checkout")
    assert _one(run, Rule("service", "checkout", service="checkout")) is run


def test_a_name_that_a_rule_gave_is_not_looked_up_again() -> None:
    run = _run("build", service="a")
    rules = Rule("service", "a", service="b"), Rule("service", "b", service="a")
    assert _one(run, *rules).service == "b"


@pytest.mark.parametrize(("severity", "incident"), [("critical", True), ("Page", True), ("warning", None), ("", None)])
def test_alerts_of_some_severities_are_incidents(severity: str, incident: bool | None) -> None:
    alert = AlertSeen(key="1", at=AT, title="DiskFull", state="open", severity=severity)
    assert _one(alert, Rule("alert", "Disk*", "incident", severity="critical, page")).incident is incident


def test_a_rule_of_one_source_concerns_no_other() -> None:
    rule = Rule("pipeline", "*", "ignored", source=3)
    assert isinstance(_one(_run(), rule, source=3), LeftOut)
    assert isinstance(_one(_run(), rule, source=4), RunSeen)


def test_a_template_that_stays_empty_makes_no_deployment_to_nowhere() -> None:
    rule = Rule("pipeline", "/deploy(-(?P<to>\\w+))?/", "deploy", environment="{to}")
    assert isinstance(_one(_run("deploy"), rule), RunSeen)
    assert _one(_run("deploy-prod"), rule).environment == "prod"


@pytest.mark.parametrize(
    ("text", "fits", "not_"),
    [
        ("deploy-*", ["deploy-", "Deploy-prod", "deploy-a\nb"], ["xdeploy-a", "deploy"]),
        ("v[0-9]?", ["v1a"], ["va1", "v1"]),
        ("v[!0-9]", ["va"], ["v1"]),
        ("a.b", ["a.b"], ["axb"]),
        ("/a.b/", ["axb"], ["axbc"]),
        ("[", ["["], ["a"]),
        ("/", ["/"], ["//"]),
        ("a]*", ["a]b"], ["ab"]),
    ],
)
def test_what_patterns_fit(text: str, fits: list[str], not_: list[str]) -> None:
    match, _ = engine.compile_pattern(text)
    assert [match(name) is not None for name in fits + not_] == [True] * len(fits) + [False] * len(not_)


@pytest.mark.parametrize("name", ["a*b", "what?", "[x]", "/a/", "plain", "a\\b", "é ü", "^[!]", "\ud800"])
def test_the_exact_pattern_of_a_name_fits_that_name_alone(name: str) -> None:
    if name == "\ud800":
        with pytest.raises(engine.BadPattern):
            engine.compile_pattern(engine.exact_pattern(name))
        return
    match, _ = engine.compile_pattern(engine.exact_pattern(name))
    assert match(name) is not None
    assert match(name + "x") is None and match("x" + name) is None


@pytest.mark.parametrize("name", ["x" * 300, "*" * 300, "/" + "[" * 299])
def test_of_a_very_long_name_the_beginning_has_to_do(name: str) -> None:
    text = engine.exact_pattern(name)
    assert len(text) <= engine.LONGEST_PATTERN
    assert engine.compile_pattern(text)[0](name) is not None


def test_a_name_of_a_million_letters_has_the_pattern_of_its_beginning() -> None:
    # Once its time grew with the square of the name: any member could have kept a worker busy for hours.
    assert engine.exact_pattern("x" * 1_000_000) == engine.exact_pattern("x" * 300)
    assert engine.exact_pattern("*" * 1_000_000) == engine.exact_pattern("*" * 300)


@pytest.mark.parametrize("text", ["", " ", "/(/", "/a(?=b)/", "x" * 201, "/((a{1,1000}){1,1000}){1,1000}/"])
def test_patterns_that_cannot_be_used_are_refused(text: str) -> None:
    with pytest.raises(engine.BadPattern):
        engine.compile_pattern(text)


def test_a_pattern_made_to_be_slow_is_not() -> None:
    match, _ = engine.compile_pattern("/(a*)*(a*)*b/")
    assert match("a" * 300) is None
    assert engine.compile_pattern("*a*a*a*a*a*a*a*b")[0]("a" * 300) is None


def test_a_template_may_only_ask_for_groups_that_are_there() -> None:
    _, groups = engine.compile_pattern("deploy-*")
    engine.check_template("{1}-{0}", groups)
    with pytest.raises(engine.BadPattern, match=r"no group \{2\}"):
        engine.check_template("{2}", groups)
