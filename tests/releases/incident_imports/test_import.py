"""Logs of incidents become incidents, on the page and by the command: all or nothing, once."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from portal.accounts.models import User
from releases.incident_imports.actions import import_incidents
from releases.incidents.actions import correct
from releases.incidents.incident_clock import compare, length
from releases.incidents.models import Incident
from releases.incidents.queries import Asked, listed, means
from squads.models import Service

LOG = "key,title,start,resolved,severity,affected,owner\na,Slow,2020-01-01 10:00,2020-01-01 11:00,bad,checkout; bank,Ana\n"


def form_of(page: Any, **more: str) -> dict[str, Any]:
    """What the previewed form sends when “Import” is pressed."""
    form = page.context["form"]
    columns = page.context["columns"]
    sent = {"zone": "UTC", "order": "auto", "by_words": "on", "text": form.data["text"], "name": form.data["name"]}
    sent |= {"columns": str(len(columns))} | {f"column_{n}": meaning for n, (_, meaning) in enumerate(columns)}
    return sent | more


def test_a_log_is_previewed_confirmed_and_imported_once(as_ana: Client, checkout: Service) -> None:
    upload = SimpleUploadedFile("log.csv", LOG.encode())
    page = as_ana.post("/incidents/import/", {"file": upload, "zone": "UTC", "order": "auto"})
    text = page.content.decode()
    assert page.status_code == 200 and not Incident.objects.exists()
    assert "No services here are called bank." in text and "No severities here are called bad." in text
    sent = form_of(page, **{"import": "1"})
    assert "Imported 1 incidents" in as_ana.post("/incidents/import/", sent, follow=True).content.decode()
    row = Incident.objects.get()
    assert (row.title, row.severity, list(row.services.all())) == ("Slow", None, [checkout])
    update = row.updates.get()
    assert {"owner: Ana", "services: bank", "severity: bad", "key: a"} <= set(update.text.splitlines())
    assert "1 were here already" in as_ana.post("/incidents/import/", sent, follow=True).content.decode()
    assert Incident.objects.count() == 1


def test_a_row_that_cannot_be_read_stops_all_of_it_unless_it_is_skipped(as_ana: Client) -> None:
    sent = {
        "text": "title,start\nSlow,2020-01-01 10:00\nBad,2020-01-01 9:99\n",
        "zone": "UTC",
        "order": "auto",
        "import": "1",
    }
    answer = as_ana.post("/incidents/import/", sent)
    assert answer.status_code == 400 and "Line 3: start: “2020-01-01 9:99” isn’t a time." in answer.content.decode()
    assert not Incident.objects.exists()
    assert as_ana.post("/incidents/import/", sent | {"skip_bad": "on"}).status_code == 302
    assert Incident.objects.count() == 1


def test_what_a_column_means_can_be_chosen_but_not_twice(as_ana: Client) -> None:
    sent = {"text": "what,when\nSlow,2020-01-01 10:00\n", "zone": "UTC", "order": "auto", "columns": "2", "import": "1"}
    answer = as_ana.post("/incidents/import/", sent | {"column_0": "title", "column_1": "title"})
    assert answer.status_code == 400 and "Two columns mean “title”" in answer.content.decode()
    as_ana.post("/incidents/import/", sent | {"column_0": "title", "column_1": "detected_at"})
    assert Incident.objects.get().detected_at is not None


def test_a_reader_imports_nothing(as_ria: Client) -> None:
    assert (
        as_ria.post("/incidents/import/", {"text": LOG, "zone": "UTC", "order": "auto", "import": "1"}).status_code
        == 403
    )


def test_the_log_of_the_ministry_has_stated_and_derived_lengths_apart(
    real_data: Path, ana: User, payments: Any
) -> None:
    file = real_data / "incidents/moj_2020.csv"
    call_command("import_incidents", str(file), by="ana")
    call_command("import_incidents", str(file), by="ana")
    wanted = json.loads((real_data / "incidents/moj_2020_expected.json").read_text())
    assert Incident.objects.count() == len(wanted)
    by_key = {row.updates.get().text.rpartition("key: ")[2]: row for row in Incident.objects.all()}
    for each in wanted:
        row = by_key[each["file"]]
        stated = {one.measure: one for one in compare(row.stated, row.times)}
        for measure, name in (("time_to_mitigate", "repair"), ("time_to_resolve", "resolve")):
            derived = length(measure, row.times).value
            assert stated[measure].minutes == each[f"stated_{name}_min"]
            assert (derived and derived.total_seconds() / 60) == each[f"stamps_detect_to_{name}_min"]
            agrees = each[f"{name}_agrees"]
            assert stated[measure].differs is (None if agrees is None else not agrees)


def test_the_log_of_a_project_keeps_maintenance_apart_and_impossible_lengths_out(
    real_data: Path, ana: User, payments: Any, as_ana: Client
) -> None:
    call_command("import_incidents", str(real_data / "incidents/jenkins_infra_to_2022.csv"), by="ana")
    lines = (real_data / "incidents/jenkins_infra_to_2022.csv").read_text().splitlines()
    assert Incident.objects.count() == len(lines) - 1
    maintenance = Incident.objects.filter(is_maintenance=True)
    assert maintenance.filter(title__icontains="maintenance").exists()
    assert not listed(Asked()).filter(title__icontains="maintenance").exists()
    (duration,) = [each for each in means(listed(Asked())) if each.measure == "duration"]
    odd = listed(Asked(length="duration"))
    assert {each.title for each in odd} == {
        "Puppet Outage on VM-hosted services",
        "jenkins.io outage",
        "JFrog's Artifactory slow (repo.jenkins-ci.org)",
    }
    assert duration.inconsistent == 3 and duration.counted + 3 == listed(Asked()).count()
    page = as_ana.get(odd.get(title="jenkins.io outage").get_absolute_url()).content.decode()
    assert "Resolved before the impact started. In no mean." in page


def test_what_is_too_long_for_its_field_is_kept_whole_in_an_update(ana: User, payments: Any) -> None:
    title, length = "word " * 2500 + "LASTWORD", "4h (" + "x" * 300 + "TAIL)"
    log = f"title,start,duration,severity,severity\n{title},2020-01-01 10:00,{length},bad,worse\n"
    import_incidents(log.encode(), by=ana)
    row = Incident.objects.get()
    kept = "".join("".join(each.text for each in row.updates.order_by("pk")).split())
    assert len(row.title) <= 300 and row.updates.count() == 2
    for each in (title, length, "severity: worse", "severity: bad"):
        assert "".join(each.split()) in kept
    assert row.stated["duration"]["minutes"] == 240


def test_days_alone_make_no_length_until_somebody_says_more(ana: User, payments: Any, as_ana: Client) -> None:
    import_incidents(b"title,start,end,duration\nSlow,2020-01-01,2020-01-01,3h\n", by=ana)
    row = Incident.objects.get()
    assert (row.state, row.starts_at.year if row.starts_at else None) == ("resolved", 2020)
    assert means(listed(Asked())) == [] and not listed(Asked(length="duration")).exists()
    page = as_ana.get(row.get_absolute_url()).content.decode()
    assert page.count("only the day is known") == 2 and "Nothing to compare it with." in page
    said = as_ana.get(f"/api/v1/incidents/{row.key}/").json()
    assert [each["seconds"] for each in said["lengths"] if each["measure"] == "duration"] == [None]
    day = datetime(2020, 1, 1, tzinfo=UTC)
    correct(row, by=ana, impact_started_at=day + timedelta(hours=10), resolved_at=day + timedelta(hours=13))
    row.refresh_from_db()
    assert [each.differs for each in compare(row.stated, row.exact_times)] == [False]
    assert [each.counted for each in means(listed(Asked())) if each.measure == "duration"] == [1]
    assert "only the day" not in as_ana.get(row.get_absolute_url()).content.decode().split("History")[0]


def test_a_row_is_the_same_by_the_command_and_by_the_page_however_lines_end(ana: User, as_ana: Client) -> None:
    log = 'key,title,start\na,"Slow\nand sad",2020-01-01 10:00\n'
    import_incidents(log.encode(), by=ana)
    sent = {"text": log.replace("\n", "\r\n"), "zone": "UTC", "order": "auto", "columns": "3", "import": "1"}
    sent |= {"column_0": "key", "column_1": "title", "column_2": "impact_started_at"}
    assert "1 were here already" in as_ana.post("/incidents/import/", sent, follow=True).content.decode()
    assert Incident.objects.count() == 1


def test_a_row_from_the_future_is_skipped_and_the_others_imported(as_ana: Client) -> None:
    text = "title,start\nSlow,2020-01-01 10:00\nNext,2999-01-01 10:00\n"
    sent = {"text": text, "zone": "UTC", "order": "auto", "import": "1"}
    assert (
        "Line 3: start: “2999-01-01 10:00” is in the future."
        in as_ana.post("/incidents/import/", sent).content.decode()
    )
    assert as_ana.post("/incidents/import/", sent | {"skip_bad": "on"}).status_code == 302
    assert [each.title for each in Incident.objects.all()] == ["Slow"]


def test_the_command_says_what_is_wrong(tmp_path: Path, ana: User, payments: Any) -> None:
    file = tmp_path / "log.csv"
    file.write_text("title,start\nSlow,never\n")
    with pytest.raises(CommandError, match="no account"):
        call_command("import_incidents", str(file), by="nobody")
    with pytest.raises(CommandError, match="Line 2: It has no time"):
        call_command("import_incidents", str(file), by="ana")
