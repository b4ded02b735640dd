"""The gates of a line are chosen by project managers, who see first what that changes in open releases."""

import re
from typing import Any

import pytest

from releases.gates.parameters import GateSetting
from releases.gates.readiness import BY_NAME, DEFAULT
from releases.planning.actions import create_release
from releases.readiness.forms import TemplateForm
from releases.readiness.gate_templates import history_of, save_template
from releases.readiness.models import GateTemplate, said
from tests.releases.readiness.conftest import EVERY_GATE, Shop

pytestmark = pytest.mark.django_db
API = "/api/v1/gate-templates/"


def form(shop: Shop, version: int = 1, **said: Any) -> dict[str, Any]:
    """Return what a browser sends for the gates that Shop has, with some of it changed; None leaves a field out."""
    row = GateTemplate.objects.get(line="Shop")
    values = TemplateForm.values_of(row.chosen, row.monitors, version) | said
    shown = {name: value for name, value in values.items() if value not in (None, False)}
    return {"line": "Shop", **{name: "on" if value is True else value for name, value in shown.items()}}


def previewed(text: str) -> str:
    return text.split('name="previewed" value="')[1].split('"')[0]


def test_a_change_is_saved_once_somebody_saw_what_it_changes(shop: Shop) -> None:
    shop.run("ledger", 6, "failure")
    browser = shop.browser(shop.pam)
    told = form(shop, **{"use-runs": None})
    shown = browser.post("/gates/save/", told).content.decode()
    assert "not ready → ready" in shown and "CI runs: failed → not a gate" in shown
    assert shop.readiness().verdict == "not_ready"
    seen = previewed(shown)
    other = browser.post("/gates/save/", {**told, "use-stories": "", "previewed": seen}).content.decode()
    assert "What this changes" in other
    assert browser.post("/gates/save/", {**told, "previewed": seen}).status_code == 302
    assert shop.readiness().verdict == "ready"
    newest, before = (text for _, text in history_of("Shop"))
    assert "CI runs" in before and "CI runs" not in newest


def test_who_was_second_is_told_and_nothing_is_overwritten(shop: Shop) -> None:
    browser = shop.browser(shop.pam)
    told = form(shop, **{"use-runs": None})
    seen = previewed(browser.post("/gates/save/", told).content.decode())
    GateTemplate.objects.update(version=2)
    answer = browser.post("/gates/save/", {**told, "previewed": seen})
    assert answer.status_code == 409 and "Someone else changed these gates meanwhile" in answer.content.decode()
    answer = browser.post(API, {"line": "Shop", "gates": EVERY_GATE, "version": 1}, content_type="application/json")
    assert answer.status_code == 409


def test_what_a_gate_cannot_take_is_said_at_its_field(shop: Shop) -> None:
    answer = shop.browser(shop.pam).post("/gates/save/", form(shop, **{"soak-hours": "soon"}))
    text = answer.content.decode()
    assert answer.status_code == 400 and 'id="id_soak-hours-error">Enter a whole number from 1 to 2160' in text
    gates = [{"gate": "soak", "values": {"hours": "soon"}}, {"gate": "luck"}]
    answer = shop.browser(shop.pam).post(API, {"line": "Shop", "gates": gates}, content_type="application/json")
    assert answer.status_code == 400
    told = answer.content.decode()
    assert "soak-hours" in told and "There’s no gate “luck”" in told


def test_a_line_without_gates_uses_those_of_every_line(shop: Shop) -> None:
    release = create_release(by=shop.pam, version="1.0", line="Elsewhere")
    browser = shop.browser(shop.pam)
    shown = browser.get("/gates/line/?line=Elsewhere").content.decode()
    assert "uses the gates of every line" in shown
    assert len(re.findall(r'name="use-[a-z_]+"[^>]* checked', shown)) == len(DEFAULT)
    told = {"line": "", "gates": [{"gate": "stories"}]}
    preview = browser.post(f"{API}preview/", told, content_type="application/json").json()
    assert [each["release"] for each in preview["changes"]] == [release.slug]
    assert browser.post(API, told, content_type="application/json").status_code == 201
    found = browser.get(f"/api/v1/releases/{release.slug}/readiness/").json()
    assert [each["gate"] for each in found["gates"]] == ["stories"]
    assert len(shop.readiness().findings) == len(EVERY_GATE)


def test_removing_the_gates_of_a_line_is_in_the_history(shop: Shop) -> None:
    row = GateTemplate.objects.get(line="Shop")
    shop.browser(shop.pam).post(f"/gates/{row.pk}/delete/")
    assert len(shop.readiness().findings) == len(DEFAULT)
    assert "removed" in shop.browser().get("/gates/line/?line=Shop").content.decode()


def test_only_project_managers_and_administrators_choose_gates(shop: Shop) -> None:
    assert shop.browser(shop.ana).post("/gates/save/", form(shop)).status_code == 403
    shown = shop.browser(shop.ana).get("/gates/line/?line=Shop").content.decode()
    assert "Preview changes" not in shown and "Every line of the checklist is ticked." in shown


def test_the_checklist_is_ticked_and_unticked_by_name(shop: Shop) -> None:
    assert shop.item is not None
    base = f"{shop.release.get_absolute_url()}checklist/"
    shop.browser().post(f"{base}{shop.item.pk}/untick/")
    assert shop.gate("checklist").state == "failed"
    shop.browser().post(f"{base}{shop.item.pk}/tick/")
    assert shop.gate("checklist").state == "passed"
    shown = shop.browser().get(f"{shop.release.get_absolute_url()}readiness/checklist/").content.decode()
    assert "Tell support" in shown and "Ana" in shown
    assert shop.item.ticks.count() == 2
    api = f"/api/v1/releases/{shop.release.slug}/checklist/"
    assert shop.browser().get(api).json()["results"][0]["ticked_by"] == "ana"
    assert shop.browser().post(f"{api}{shop.item.pk}/tick/").status_code == 409
    # What every release of a line has is not this release's to remove.
    assert shop.browser().post(f"{base}{shop.item.pk}/remove/").status_code == 404


def test_a_setting_without_a_limit_is_said_so() -> None:
    unlimited = GateSetting("incidents", {**BY_NAME["incidents"].clean({}), "stale_after_hours": None})
    assert said(unlimited) == "Incidents (evidence is too old after (hours): no limit)"


def test_more_versions_of_gates_than_the_page_lists_are_counted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("releases.readiness.gate_templates.MOST_VERSIONS", 2)
    for version in (1, 2, 3):
        save_template(by=shop.pam, line="Web", gates=EVERY_GATE, version=None)
        told = shop.browser().get("/gates/line/?line=Web").content.decode()
        assert ("The newest 2 of 3." in told) is (version == 3)
