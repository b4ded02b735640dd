"""Chef's converges: which of them are deployments."""

import json
from typing import Any

import pytest

from releases.providers.base import InvalidSetting, Message
from releases.providers.chef.resource_rules import check
from releases.providers.chef.webhook import PROVIDER, authentic, label, translate
from releases.providers.facts import MakesNothing, Unreadable

RULES: dict[str, Any] = {"resources": ["package[checkout*] = checkout", "deploy_revision[/srv/*] = {name}"]}


def resource(**more: Any) -> dict[str, Any]:
    return {
        "type": "package",
        "name": "checkout",
        "status": "updated",
        "before": {"version": "1.0"},
        "after": {"version": "1.1"},
        **more,
    }


def converge(*resources: Any, **more: Any) -> dict[str, Any]:
    return {
        "message_type": "run_converge",
        "run_id": "r-1",
        "node_name": "shop-1.example",
        "status": "success",
        "start_time": "2026-01-01T10:00:00Z",
        "end_time": "2026-01-01T10:02:00Z",
        "node": {"name": "shop-1.example", "chef_environment": "production", "normal": {"checkout": {"version": "9"}}},
        "resources": list(resources),
        **more,
    }


def read(body: Any, config: Any = RULES) -> Any:
    message = Message({}, json.dumps(body).encode())
    return translate(label(message).kind, message, config)


def test_a_converge_that_changes_a_version_is_a_deployment() -> None:
    check(RULES)
    [seen] = read(converge(resource(), resource(type="file", name="/etc/motd")))
    assert (seen.service, seen.environment, seen.version, seen.outcome) == ("checkout", "production", "1.1", "success")
    assert seen.key == "chef|r-1|checkout" and "shop-1.example" in seen.raw_status


@pytest.mark.parametrize(
    "resources",
    [
        [],
        [resource(status="up-to-date")],
        [resource(status="skipped")],
        [resource(before={"version": "1.1"})],
        [resource(name="search")],
        [resource(after={})],
        [None, 7, "x"],
    ],
)
def test_a_converge_that_changes_no_version_is_none(resources: list[Any]) -> None:
    with pytest.raises(MakesNothing):
        read(converge(*resources))


def test_without_rules_nothing_is_a_deployment() -> None:
    with pytest.raises(MakesNothing, match="has no “Resources that deploy” yet"):
        read(converge(resource()), {})


@pytest.mark.parametrize(
    ("status", "own", "outcome"),
    [
        ("success", "updated", "success"),
        ("failure", "updated", "failure"),
        ("success", "failed", "failure"),
        ("aborted", "updated", "cancelled"),
        ("splendid", "updated", "unknown"),
    ],
)
def test_a_run_or_a_resource_that_failed_is_a_deployment_that_failed(status: str, own: str, outcome: str) -> None:
    [seen] = read(converge(resource(status=own), status=status))
    assert seen.outcome == outcome


def test_the_version_is_where_the_source_says_it_is() -> None:
    [seen] = read(converge(resource()), {**RULES, "version": ["node.normal.{service}.version"]})
    assert seen.version == "9"
    [seen] = read(converge(resource(type="deploy_revision", name="/srv/search", after={"revision": "a" * 40})))
    assert (seen.service, seen.sha, seen.version) == ("search", "a" * 40, "")


def test_only_nodes_that_count_count() -> None:
    with pytest.raises(MakesNothing, match="Nodes that count"):
        read(converge(resource()), {**RULES, "nodes": ["search-*"]})
    assert len(read(converge(resource()), {**RULES, "nodes": ["shop-1*"]})) == 1


def test_a_report_is_the_same_deployment() -> None:
    report = {
        "run_id": "r-1",
        "success": True,
        "start_time": "2026-01-01 10:00:00 +0000",
        "end_time": "2026-01-01 10:02:00 UTC",
        "node": {"name": "shop-1.example", "chef_environment": "production"},
        "exception": None,
        "updated_resources": [
            {"json_class": "Chef::Resource::Package", "instance_vars": {"name": "checkout", "version": "1.1"}},
            {"json_class": "Chef::Resource::File", "instance_vars": {"name": "/etc/motd"}},
        ],
    }
    assert read(report) == read(converge(resource()))
    assert read({**report, "success": None})[0].outcome == "unknown"


def test_a_report_names_packages_of_a_platform_with_lists_of_versions() -> None:
    inner = {"name": "checkout, search", "package_name": ["checkout", "search"], "version": ["1.1", "2.0"]}
    report = {
        "run_id": "r-1",
        "success": True,
        "end_time": "2026-01-01 10:02:00 UTC",
        "node": {"name": "shop-1.example", "chef_environment": "production"},
        "updated_resources": [{"json_class": "Chef::Resource::AptPackage", "instance_vars": inner}],
    }
    assert [(each.service, each.version) for each in read(report)] == [("checkout", "1.1")]


def test_the_start_of_a_run_and_other_messages_are_kept_unread() -> None:
    with pytest.raises(MakesNothing, match="aren’t known yet"):
        read({"message_type": "run_start", "run_id": "r-1"})
    assert read({"hello": 1}) is None


def test_a_deployment_without_its_end_or_its_environment_is_told() -> None:
    with pytest.raises(Unreadable, match="end_time"):
        read(converge(resource(), end_time="soon"))
    with pytest.raises(Unreadable, match="chef_environment"):
        read(converge(resource(), node={}))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"resources": ["checkout"]}, "resources"),
        ({"resources": ["package[******]"]}, "resources"),
        ({"version": ["after version"]}, "version"),
        ({"nodes": ["*" * 9]}, "nodes"),
    ],
)
def test_rules_that_say_nothing_are_refused(change: Any, field: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        check({**RULES, **change})
    assert refused.value.field == field


def test_the_data_collectors_token_is_the_secret_and_is_not_kept() -> None:
    assert authentic({"x-data-collector-token": "s"}, b"", "s")
    assert not authentic({"x-data-collector-token": "wrong", "authorization": "Bearer s"}, b"", "s")
    assert not authentic({"x-data-collector-token": ""}, b"", "")
    assert "x-data-collector-token" in PROVIDER.secret_headers
