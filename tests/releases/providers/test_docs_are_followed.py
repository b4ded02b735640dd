"""docs/providers, followed to the letter: the screens are where they say, and what they send is read."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from releases.models import Alert, Deployment, InboundEvent, Run, Source
from releases.providers import PROVIDERS
from releases.providers.chef.resource_rules import check as check_rules
from releases.providers.generic import field_mapping
from releases.reading.actions import drain_inbox
from tests.releases.conftest import source

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "providers"
PAGES = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.md"))}
WAY = re.compile(r"\*\*(Sources → [^*]+)\*\*")
LINK = re.compile(r'<a [^>]*href="([^"]+)"[^>]*>\s*([^<]+?)\s*</a>')
Send = Callable[..., HttpResponse]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page].replace("\n   ", "\n"), re.S)


@pytest.mark.django_db
@pytest.mark.parametrize("name", [each for each in PAGES if each != "README.md"])
def test_every_page_says_where_its_source_is_made_and_the_screens_are_there(name: str, as_root: Client) -> None:
    ways = set(WAY.findall(PAGES[name]))
    assert ways, "say it as **Sources → Connect a system → …**"
    for way in ways:
        address = "/sources/"
        for step in way.split(" → ")[1:]:
            links = {text: href for href, text in LINK.findall(as_root.get(address).content.decode())}
            assert step in links, f"{address} has no link called {step}"
            address = links[step]
        assert "<form" in as_root.get(address).content.decode()
    assert not re.search(r"\*Sources → (?!Connect)", PAGES[name])


@pytest.mark.parametrize("name", PAGES)
def test_settings_and_buttons_are_called_what_the_pages_say(name: str) -> None:
    templates = FOLDER.parents[1] / "templates" / "releases"
    shown = " ".join(path.read_text() for path in templates.rglob("*.html"))
    labels = {each.label for provider in PROVIDERS.values() for each in provider.settings}
    for button in ("Try the mapping", "Try again", "Edit", "Test", "Save", "Connect"):
        if f"*{button}*" in PAGES[name]:
            assert re.search(rf"[>}}“]{button}", shown), button
    for label in ("Name of this installation", "Name of the system", "Time zone"):
        assert f"*{label}*" not in PAGES[name] or label in labels


@pytest.mark.django_db
def test_the_mapping_of_any_json_is_tried_as_it_is_written(as_root: Client) -> None:
    ours = source("ours", "generic")
    names = {label: name for name, label, _ in field_mapping.FIELDS}
    names |= {each.label: each.name for each in field_mapping.SETTINGS}
    makes = {text: name for name, text in field_mapping.MAKES}
    typed: dict[str, str] = {}
    for line in blocks("generic.md", "text")[0].splitlines():
        label, value = re.split(r"\s{2,}", line)
        typed[names[label]] = makes.get(value, value)
    [event] = blocks("generic.md", "json")
    page = as_root.post("/sources/ours/try/", {**typed, "do": "try", "body": event})
    [line] = page.context["tried"].lines
    said = dict(line.said)
    assert (said["service"], said["environment"], said["outcome"]) == ("checkout", "production", "success")
    assert (
        said["sha"] == "4f5e6d7c8b9a00112233445566778899aabbccdd" and said["finished at"] == "2026-01-31 12:04:30 UTC"
    )
    ours.refresh_from_db()
    assert ours.config == {}


PLACES = [
    ({"commit": "4f5e6d7c8b9a", "links": {}}, "4f5e6d7c8b9a"),
    ({"links": {"commit": {"href": "https://git.example/a/b/commit/4f5e6d7c8b9a"}}}, "4f5e6d7c8b9a"),
    ({"image": "registry.example:5000/shop/checkout:5.10"}, "5.10"),
    ({"ref": "refs/heads/main"}, "main"),
    ({"env": "staging"}, "staging"),
    ({}, "production"),
]


def test_the_places_of_fields_find_what_the_page_says() -> None:
    from releases.providers.generic.field_places import first_value

    written = re.findall(r"^\| `(\$[^`]+)` \|", PAGES["generic.md"], re.M)
    assert len(written) == 4
    commit, image, ref, environment = written
    places = [commit, commit, image, ref, environment, environment]
    for place, (document, found) in zip(places, PLACES, strict=True):
        assert first_value(place, document) == found


@pytest.mark.parametrize("condition", ["$.build", "$.type == 'deploy'", "$.type != 'test'", "$[?@.type == 'deploy']"])
def test_the_conditions_that_form_and_page_name_hold(condition: str) -> None:
    from releases.providers.generic.field_places import condition_in

    said = PAGES["generic.md"] + " ".join(each.help for each in field_mapping.SETTINGS)
    assert condition in said
    assert condition_in(condition).holds({"type": "deploy", "build": 1})
    assert not condition_in(condition).holds({"type": "test"})


@pytest.mark.django_db
def test_what_the_step_of_a_jenkins_pipeline_sends_is_a_run(send: Send) -> None:
    source("jenkins", "jenkins")
    [body] = blocks("jenkins.md", "json")
    assert send("/hooks/jenkins/", json.loads(body)).status_code == 202
    drain_inbox()
    row = Run.objects.get()
    assert (row.pipeline, row.branch, row.outcome, row.sha[:4]) == ("shop/checkout", "main", "success", "4f5e")


def test_the_step_of_a_jenkins_pipeline_fails_no_build_while_rodeo_is_away() -> None:
    [step] = [each for each in blocks("jenkins.md", "groovy") if "curl" in each]
    assert step.startswith("post { always { catchError(buildResult: null, stageResult: null")
    command = re.search(r"sh '(.*)'", step)
    assert command is not None and "--max-time" in command[1]
    away = command[1].replace("https://rodeo.example", "http://127.0.0.1:9")
    done = subprocess.run(["sh", "-ec", away], capture_output=True, check=False, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0


def rendered(template: str, app: dict[str, Any]) -> dict[str, Any]:
    """Fill Argo CD's template as its Go templates do: a step into nothing is an error, `dig` gives its default."""

    def walk(path: list[str], holder: Any) -> Any:
        for step in path:
            assert holder is not None, f"{'.'.join(path)}: nil pointer"
            holder = holder.get(step)
        return holder

    def fill(found: re.Match[str]) -> str:
        if found["path"]:
            return json.dumps(
                walk(found["path"].split("."), {"app": app, "context": {"argocdUrl": "https://argo.example"}})
            )
        holder: Any = app
        *steps, default = re.findall(r'"([^"]*)"', found["dig"])
        for step in steps:
            holder = holder.get(step, default) if isinstance(holder, dict) else default
        return json.dumps(holder)

    filled = re.sub(r"\{\{toJson \.(?P<path>[\w.]+)\}\}|\{\{dig (?P<dig>[^.]+) \.app \| toJson\}\}", fill, template)
    assert "{{" not in filled
    return json.loads(filled)  # type: ignore[no-any-return]


def argo_template() -> str:
    [setup] = blocks("argocd.md", "yaml")
    found = re.search(r"body: \|\n(.*?)\ntrigger", setup, re.S)
    assert found is not None
    return found[1]


APP: dict[str, Any] = {
    "metadata": {"name": "web", "namespace": "argocd"},
    "spec": {"project": "default", "destination": {"namespace": "production"}},
}
STARTED = {"phase": "Running", "startedAt": "2026-01-05T10:00:00Z"}
SEVERAL = {
    "revision": "",
    "source": {"repoURL": ""},
    "revisions": ["4.5.6", "5e" * 20],
    "sources": [{"repoURL": "https://charts.example", "chart": "web"}, {"repoURL": "https://git.example/values.git"}],
}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "phase", "version"),
    [
        ({}, None, None),
        ({"operationState": STARTED}, "running", ""),
        (
            {
                "operationState": {
                    **STARTED,
                    "phase": "Succeeded",
                    "finishedAt": "2026-01-05T10:01:00Z",
                    "syncResult": SEVERAL,
                },
                "health": {"status": "Healthy"},
            },
            "finished",
            "4.5.6",
        ),
    ],
)
def test_the_notification_of_argo_cd_survives_fields_that_are_missing(
    status: dict[str, Any], phase: str | None, version: str | None, send: Send
) -> None:
    source("argo-cd", "argocd", config={"url": "https://argo.example"})
    assert send("/hooks/argo-cd/", rendered(argo_template(), {**APP, "status": status})).status_code == 202
    drain_inbox()
    event = InboundEvent.objects.get()
    rows = [(each.phase, each.version) for each in Deployment.objects.all()]
    assert rows == ([] if phase is None else [(phase, version)]), event.error
    assert event.state == ("ignored" if phase is None else "processed")


@pytest.mark.django_db
def test_the_notification_of_nagios_is_an_alert(send: Send) -> None:
    source("nagios", "nagios")
    [body] = blocks("nagios.md", "json")
    assert send("/hooks/nagios/", json.loads(body)).status_code == 202
    drain_inbox()
    row = Alert.objects.get()
    assert row.environment is not None and row.environment.key == "production"


@pytest.mark.skipif(not shutil.which("jq"), reason="the script that is documented needs jq")
def test_the_script_of_nagios_makes_that_notification(tmp_path: Path) -> None:
    [script] = [each for each in blocks("nagios.md", "sh") if "jq -cn" in each]
    told = tmp_path / "tell-rodeo"
    told.write_text(re.sub(r"curl .*", "cat", script))
    said = ["PROBLEM", "CRITICAL", "1772442000", "web1", "http", 'it\'s "HTTP" 500', "production", "https://x.example"]
    done = subprocess.run(["sh", str(told), *said], capture_output=True, check=True)
    sent = json.loads(done.stdout)
    [documented] = blocks("nagios.md", "json")
    assert sent.keys() == json.loads(documented).keys() and sent["output"] == 'it\'s "HTTP" 500'
    assert sent["labels"] == {"environment": "production"}


def test_the_rules_of_chef_are_taken() -> None:
    [rules] = blocks("chef.md", "text")
    check_rules({"resources": rules.splitlines()})


@pytest.mark.django_db
def test_a_source_says_at_its_events_why_they_came_to_nothing(send: Send, as_ana: Client) -> None:
    source("ours", "generic")
    send("/hooks/ours/", {"a": 1})
    drain_inbox()
    assert "has no mapping yet" in as_ana.get("/sources/ours/").content.decode()
    assert Source.objects.count() == 1
