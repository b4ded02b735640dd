"""A real Alertmanager fires a real alert into a real door."""

import json
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from portal.ops.parent_death import tied_to_parent
from releases.inbox.models import InboundEvent, Source
from releases.incidents.models import Alert, IncidentReport
from releases.mappings.models import MappingRule
from releases.reading.actions import drain_inbox
from tests.conftest import wait_until
from tests.ports import free_port

if TYPE_CHECKING:
    from pytest_django.live_server_helper import LiveServer

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
SECRET = "the-secret-of-a-test"
CONFIGURATION = """
route:
  receiver: rodeo
  group_by: [alertname]
  group_wait: 50ms
  group_interval: 300ms
  repeat_interval: 1h
receivers:
  - name: rodeo
    webhook_configs:
      - url: {url}
        http_config: {{{how}}}
"""
HOWS = {
    "bearer": f"authorization: {{credentials: {SECRET}}}",
    "basic": f"basic_auth: {{username: rodeo, password: {SECRET}}}",
}
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="no prometheus-alertmanager here: apt-get install prometheus-alertmanager"
)


def fetched(url: str, data: Any = None) -> bool:
    """Say whether an address answers with success; a list is posted."""
    body = None if data is None else json.dumps(data).encode()
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


@pytest.fixture(params=sorted(HOWS))
def alertmanager(request: pytest.FixtureRequest, live_server: "LiveServer", tmp_path: Path) -> Iterator[str]:
    """The address of an Alertmanager of our own that notifies the portal's source "am"."""
    Source.objects.create(key="am", name="Alertmanager", kind="alertmanager", secret=SECRET)
    how = HOWS[request.param]
    file = tmp_path / "alertmanager.yml"
    file.write_text(CONFIGURATION.format(url=f"{live_server.url}/hooks/am/", how=how))
    address = f"127.0.0.1:{free_port()}"
    assert PROGRAM is not None
    command = [
        PROGRAM,
        f"--config.file={file}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        "--log.level=error",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(tied_to_parent(command, signal.SIGKILL), stdout=log, stderr=log)
        try:
            wait_until(lambda: fetched(f"http://{address}/-/ready"), 10, "Alertmanager is ready")
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(10)


def fire(alertmanager: str, *instances: str, ended: bool = False, began: datetime) -> None:
    now = datetime.now(UTC)
    alerts = [
        {
            "labels": {
                "alertname": "Errors",
                "instance": each,
                "severity": "critical",
                "service": "checkout",
                "env": "live",
            },
            "annotations": {"summary": "5 % of requests fail"},
            "generatorURL": "http://prometheus.example/graph",
            "startsAt": began.isoformat(),
            "endsAt": (now if ended else now + timedelta(hours=1)).isoformat(),
        }
        for each in instances
    ]
    assert fetched(f"{alertmanager}/api/v2/alerts", alerts)


def states() -> list[str]:
    drain_inbox()
    return list(Alert.objects.order_by("key").values_list("state", flat=True))


def test_an_alert_that_fires_and_ends_is_a_signal_and_an_incident_from_end_to_end(alertmanager: str) -> None:
    MappingRule.objects.create(kind="alert", pattern="Errors", severity="critical", role="incident")
    began = datetime.now(UTC) - timedelta(minutes=1)
    fire(alertmanager, "a", "b", began=began)
    wait_until(lambda: states() == ["open", "open"], 5, "both alerts are signals")
    row = Alert.objects.order_by("key")[0]
    assert (row.title, row.severity, row.raw_status) == ("Errors", "critical", "firing: 5 % of requests fail")
    assert row.service is not None and row.service.name == "checkout"
    assert row.environment is not None and row.environment.key == "live"
    assert row.opened_at is not None and abs(row.opened_at - began) < timedelta(seconds=1)
    incident = IncidentReport.objects.get()
    assert (incident.title, incident.resolved_at) == ("Errors and 1 more", None)

    fire(alertmanager, "a", "b", began=began, ended=True)
    wait_until(lambda: states() == ["resolved", "resolved"], 5, "both alerts are resolved")
    after = IncidentReport.objects.get()
    assert after.pk == incident.pk
    assert after.resolved_at is not None and after.resolved_at > began
    assert set(InboundEvent.objects.values_list("state", flat=True)) == {"processed"}
    assert SECRET not in json.dumps(list(InboundEvent.objects.values_list("headers", flat=True)))
