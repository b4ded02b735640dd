"""What the sample company agreed on: when nothing goes out, who approves its release, and who accepts its stories."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import transaction

from portal.accounts.models import User
from releases.approvals.actions import ask
from releases.freezes.actions import create_freeze
from releases.freezes.models import Freeze
from releases.gates.readiness import DEFAULT
from releases.models import GateTemplate, Release
from releases.readiness.gate_templates import save_template
from releases.readiness.models import stored
from squads.acceptance.actions import plan_accepters
from squads.models import Squad, Story
from squads.stories.authorship import own_change_reason


@transaction.atomic
def agree(at: datetime, *, by: User, manager: User, accepter: User) -> None:
    """Make it, unless it is there."""
    planned = Release.objects.filter(line="market", version="2026.4").first()
    squad = Squad.objects.filter(key_prefix="PAY").first()
    if planned is None or squad is None or Freeze.objects.filter(created_by=by).exists():
        return
    friday = at.date() - timedelta(days=(at.weekday() - 4) % 7)
    week: dict[str, Any] = {"starts_on": friday, "starts_at": time(18), "ends_on": friday + timedelta(days=3)}
    week |= {"ends_at": time(7), "zone": "Europe/Amsterdam", "rule": "FREQ=WEEKLY", "lines": ["market"]}
    create_freeze(by=by, name="Weekends", reason="Nobody is there to look after it.", **week)
    year: dict[str, Any] = {"starts_on": date(at.year, 12, 20), "ends_on": date(at.year + 1, 1, 3)}
    create_freeze(by=by, name="Year end", reason="The market’s busiest days.", rule="FREQ=YEARLY", **year)
    ask(planned, by=by, kind="leads", squad=squad, note="Look at the gift cards.")
    # Its own gates: those there are anyway, and that what was learned about its services is read.
    if not GateTemplate.objects.filter(line="market").exists():
        save_template(by=manager, line="market", gates=[*stored(DEFAULT), {"gate": "learnings"}], version=None)
    stories = Story.objects.filter(release=planned, squad=squad).not_ended().exclude(stage="rodeo_done")
    others = [each for each in stories.order_by("number") if not own_change_reason(each, accepter)]
    plan_accepters(others[:3], accepter, by=by)
