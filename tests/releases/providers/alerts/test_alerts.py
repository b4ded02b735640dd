"""What each monitoring system says, as signals."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releases.providers import PROVIDERS, alerts
from releases.providers.base import Message
from releases.providers.facts import AlertSeen, MakesNothing, Unreadable

HERE = Path(__file__).resolve().parent.parent
KINDS = ["alertmanager", "sensu", "nagios", "pagerduty", "opsgenie"]
T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECRET = "secret"


def translated(kind: str, body: bytes, config: dict[str, Any] | None = None) -> list[AlertSeen] | None:
    provider, message = PROVIDERS[kind], Message({}, body)
    assert provider.label is not None
    found = provider.translate(provider.label(message).kind, message, config or {})
    assert found is None or all(isinstance(each, AlertSeen) for each in found)
    return found  # type: ignore[return-value]


def fixture(kind: str, name: str) -> bytes:
    return (HERE / kind / "fixtures" / f"{name}.json").read_bytes()


def signals(kind: str, name: str, **config: Any) -> list[AlertSeen]:
    found = translated(kind, fixture(kind, name), config)
    assert found
    return found


def test_every_fixture_is_read_or_named_as_not_read() -> None:
    for kind in KINDS:
        files = sorted((HERE / kind / "fixtures").glob("*.json"))
        assert files
        for each in files:
            try:
                found = translated(kind, each.read_bytes())
            except MakesNothing:
                found = None
            unread = "not_read" in each.stem or "metrics" in each.stem
            assert (found is None) == unread, each.name


def test_alertmanager_tells_each_alert_of_a_group() -> None:
    first, second = signals("alertmanager", "alerts__one_fires_one_is_over")
    assert first.key == "alertmanager|00aa11bb22cc33dd|2026-03-02T09:00:00.123456+00:00"
    assert (first.state, first.title, first.severity) == ("open", "Errors", "critical")
    assert (first.service, first.environment) == ("checkout", "production")
    assert first.raw_status == "firing: 5 % of requests fail"
    assert (first.opened_at, first.resolved_at) == (T0 + timedelta(microseconds=123456), None)
    assert first.url == "https://prometheus.example/graph"
    assert (second.state, second.resolved_at) == ("resolved", T0 + timedelta(minutes=4))
    assert second.severity == "critical", "what all alerts of the group have in common counts too"
    assert second.url == "https://alerts.example"
    assert first.group == second.group != ""


def test_alertmanager_says_what_it_left_out() -> None:
    [found] = signals("alertmanager", "alerts__cut_off_without_fingerprint")
    assert "left out 3 more" in found.raw_status
    [again] = signals("alertmanager", "alerts__cut_off_without_fingerprint")
    assert found.key == again.key, "without a fingerprint the labels say which alert it is"


@pytest.mark.parametrize(
    ("change", "names"),
    [({"alerts": None}, "alerts"), ({"alerts": [3]}, r"alerts\[0\]"), ({"alerts": [{"status": "firing"}]}, "startsAt")],
)
def test_what_alertmanager_leaves_unsaid_is_named(change: dict[str, Any], names: str) -> None:
    whole = json.loads(fixture("alertmanager", "alerts__one_fires_one_is_over"))
    with pytest.raises(Unreadable, match=names):
        translated("alertmanager", json.dumps({**whole, **change}).encode())


def test_the_source_says_which_labels_name_things() -> None:
    config = {
        "service_labels": ["instance"],
        "environment_labels": ["nowhere", "app"],
        "severity_labels": ["alertname"],
    }
    first = signals("alertmanager", "alerts__one_fires_one_is_over", **config)[0]
    assert (first.service, first.environment, first.severity) == ("web1", "checkout", "Errors")
    for odd in ({"service_labels": 7}, {"service_labels": [None, {}]}, {"service_labels": "app"}):
        assert signals("alertmanager", "alerts__one_fires_one_is_over", **odd)[0].service == "checkout"


def test_sensu_go_tells_since_when_a_check_fails() -> None:
    [bad] = signals("sensu", "go__critical")
    assert bad.key == "sensu||shop|web1|check-http"
    assert (bad.state, bad.severity, bad.title) == ("open", "critical", "check-http")
    assert (bad.service, bad.environment) == ("checkout", "production")
    assert bad.raw_status == "critical: HTTP 500"
    assert bad.opened_at == datetime.fromtimestamp(1772441820, UTC)
    [good] = signals("sensu", "go__ok_after_failing")
    assert (good.key, good.state) == (bad.key, "resolved"), "Sensu Go leaves out a status of 0"
    assert good.opened_at == bad.opened_at
    assert good.resolved_at == datetime.fromtimestamp(1772442060, UTC)
    [odd] = signals("sensu", "go__exit_status_nobody_knows")
    assert (odd.state, odd.severity) == ("open", "unknown"), "a check that cannot be run is no good news"
    assert odd.raw_status == "unknown (status 127): HTTP 500"


def test_sensu_core_is_read_too() -> None:
    [bad], [good] = signals("sensu", "core__create"), signals("sensu", "core__resolve_in_a_list")
    assert bad.key == good.key
    assert (bad.state, bad.severity, bad.environment, good.state) == ("open", "warning", "staging", "resolved")


def test_nagios_states_decide_and_types_are_told() -> None:
    names = ("service__problem", "service__recovery", "service__acknowledgement", "service__flapping")
    problem, recovery, known, flapping = (signals("nagios", name)[0] for name in names)
    assert problem.key == recovery.key == known.key == flapping.key == "nagios||web1|http"
    assert [each.state for each in (problem, recovery, known, flapping)] == ["open", "resolved", "open", "open"]
    assert (problem.title, problem.severity, problem.environment) == ("http on web1", "critical", "production")
    assert (recovery.resolved_at, recovery.raw_status) == (
        datetime.fromtimestamp(1772442300, UTC),
        "RECOVERY OK: HTTP 200",
    )
    assert known.raw_status == "ACKNOWLEDGEMENT CRITICAL: HTTP 500"
    down, up = signals("nagios", "host__down")[0], signals("nagios", "host__recovery_without_a_state")[0]
    assert (down.key, down.state, down.at, up.state) == (up.key, "open", T0, "resolved")
    assert signals("nagios", "host__down", site="Berlin")[0].key == "nagios|Berlin|web1|"


def test_a_host_state_is_none_of_a_service() -> None:
    for said in ({"service": "http", "state": "UP"}, {"state": "OK"}, {"state": "PENDING", "type": "RECOVERY"}):
        body = {"host": "web1", "timestamp": 1772442000, **said}
        assert translated("nagios", json.dumps(body).encode())[0].state == ""  # type: ignore[index]


def test_icinga_streams_its_states_as_numbers() -> None:
    [found] = signals("nagios", "icinga2__state_change")
    assert (found.state, found.severity, found.raw_status) == ("open", "critical", "StateChange CRITICAL: HTTP 500")


def test_pagerduty_tells_what_becomes_of_an_incident() -> None:
    names = ("incident_triggered", "incident_acknowledged", "incident_resolved")
    first, known, over = (signals("pagerduty", name)[0] for name in names)
    assert first.key == known.key == over.key == "pagerduty|shop.pagerduty.com|Q1AB"
    assert [each.state for each in (first, known, over)] == ["open", "open", "resolved"]
    assert (first.title, first.service, first.severity) == ("Checkout is down", "checkout", "P1")
    assert (known.raw_status, over.resolved_at) == ("acknowledged: acknowledged", T0 + timedelta(minutes=9))
    [later] = signals("pagerduty", "incident_priority_updated__after_it_was_resolved")
    assert (later.state, later.resolved_at) == ("resolved", None), "it says that it is resolved, not when"


def test_pagerduty_events_are_filed_under_their_id() -> None:
    label = PROVIDERS["pagerduty"].label
    assert label is not None
    filed = label(Message({}, fixture("pagerduty", "incident_resolved")))
    assert (filed.delivery, filed.kind) == ("pagerduty|01EX", "incident.resolved")


def test_pagerduty_signatures_are_checked_on_the_bytes() -> None:
    authentic, body = PROVIDERS["pagerduty"].authentic, b'{"event": {}}'
    right = "v1=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert authentic({"x-pagerduty-signature": right}, body, SECRET)
    assert authentic({"x-pagerduty-signature": f"v1=00, {right}"}, body, SECRET), "two while a secret is replaced"
    for sent in (
        "",
        "v1=",
        "v1=00",
        right[3:],
        right.replace("v1", "v0"),
        right[:-1],
        ",".join(["v1=00"] * 10 + [right]),
    ):
        assert not authentic({"x-pagerduty-signature": sent}, body, SECRET), sent
    assert not authentic({"x-pagerduty-signature": right}, body + b" ", SECRET)
    assert not authentic({"x-pagerduty-signature": right}, body, "")
    assert authentic({"authorization": f"Bearer {SECRET}", "x-pagerduty-signature": "v1=00"}, body, SECRET)


def test_opsgenie_actions_open_and_close() -> None:
    first, known, over = (signals("opsgenie", name)[0] for name in ("create", "acknowledge", "close"))
    assert first.key == known.key == over.key == "opsgenie|7a-1772442000000"
    assert [each.state for each in (first, known, over)] == ["open", "open", "resolved"]
    assert (first.severity, first.service, first.environment) == ("P1", "checkout", "production")
    assert over.resolved_at == T0 + timedelta(minutes=5), "nanoseconds and milliseconds are told apart"
    assert signals("opsgenie", "add_note__open_or_not")[0].state == ""


@pytest.mark.parametrize("kind", ["alertmanager", "sensu", "nagios", "opsgenie"])
def test_a_password_opens_as_a_token_does(kind: str) -> None:
    authentic = PROVIDERS[kind].authentic

    def basic(text: bytes) -> dict[str, str]:
        return {"authorization": "Basic " + base64.b64encode(text).decode()}

    assert authentic(basic(b"anybody:secret"), b"", SECRET)
    assert authentic({"authorization": "bearer secret"}, b"", SECRET)
    for wrong in (b"secret:", b"secret", b"a:secret:", b"\xff:secret\xff", b"", b":"):
        assert not authentic(basic(wrong), b"", SECRET), wrong
    assert not authentic({"authorization": "Basic ???"}, b"", SECRET)
    assert not authentic(basic(b"a:"), b"", "")
    assert not authentic({**basic(b"a:secret"), "x-hub-signature-256": "sha256=00"}, b"", SECRET)


@pytest.mark.parametrize("kind", KINDS)
def test_no_word_but_the_right_one_resolves(kind: str) -> None:
    for table in PROVIDERS[kind].tables:
        for word in ("", "done", "closed!", "green", "5", "-1", None, 7, {}):
            assert alerts.state_of(table.meaning_of(word)) == ""
        assert {alerts.state_of(meaning) for meaning in table.meanings.values()} == {"open", "resolved"}


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["2026-03-02T09:00:00Z", "0001-01-01T00:00:00Z", "resolved", "http://[", 10**30, -1, 1e300, "9" * 400]
    )
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def spoiled(draw: st.DrawFn, kind: str) -> Any:
    """Return a body of a fixture with some of its values exchanged for anything, at any depth, or taken out."""
    files = sorted((HERE / kind / "fixtures").glob("*.json"))
    return _spoil(draw, json.loads(draw(st.sampled_from(files)).read_bytes()))


def _spoil(draw: st.DrawFn, value: Any) -> Any:
    if draw(st.integers(0, 9)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        return {name: _spoil(draw, each) for name, each in value.items() if draw(st.integers(0, 19))}
    return [_spoil(draw, each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(st.data())
def test_anything_is_read_or_refused_with_a_reason(kind: str, data: st.DataObject) -> None:
    document = data.draw(spoiled(kind) | JSON)
    config = data.draw(st.just({}) | st.fixed_dictionaries({}, optional={"service_labels": JSON, "site": JSON}))
    try:
        found = translated(kind, json.dumps(document).encode(), config)
    except (Unreadable, MakesNothing) as error:
        assert str(error)
        return
    for fact in found or []:
        assert fact.key and len(fact.key) <= 300 and len(fact.group) <= 300
        assert fact.state in ("open", "resolved", "")
        assert fact.url == "" or fact.url.startswith("http")
        assert len(fact.title) <= 300 and len(fact.raw_status) <= 250 and len(fact.severity) <= 60
        json.dumps(fact.data(), allow_nan=False).encode()
