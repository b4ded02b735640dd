"""A pipeline of the sample company that asks before it deploys, a snapshot, release notes and a train. Other pipelines never
asked."""

from datetime import datetime, timedelta

from django.db import transaction

from portal.accounts.models import User
from releases.deployment_checks.actions import ask, create_token
from releases.deployment_checks.models import Asker, CheckToken
from releases.deployment_checks.queries import Question
from releases.models import ReleaseTrain
from releases.planning.models import Release
from releases.release_notes.actions import edit as edit_notes
from releases.release_notes.actions import generate
from releases.release_notes.queries import notes_of
from releases.release_trains.actions import create_train
from releases.snapshots.actions import take_snapshot
from releases.snapshots.models import Snapshot
from squads.models import Service

JOB = "Jenkins, deploy-checkout"
NOTE = "For the go/no-go meeting"
THANKS = "Thanks to everyone who reported what was wrong with invoices."


def ask_and_keep(lead: User, planner: User, at: datetime) -> None:
    """Have the pipeline of checkout ask about the release that is planned, and keep what is judged of it. Once."""
    checkout = Service.objects.get(name="checkout")
    release = Release.objects.get(line="market", version="2026.4")
    if not CheckToken.objects.filter(service=checkout).exists():
        create_token(checkout, by=lead, name=JOB, days=365)
        ask(Question(Asker.SCRIPT, JOB, service=checkout, release=release.slug, environment="production"))
    if not Snapshot.objects.filter(release=release.pk).exists():
        take_snapshot(release, by=planner, note=NOTE)
    announce(planner, at)


@transaction.atomic
def announce(person: User, at: datetime) -> None:
    """Write the notes of the release that is planned, and have those after it go every two weeks."""
    planned = Release.objects.get(line="market", version="2026.4")
    if notes_of(planned) is None:
        notes = generate(planned, by=person)
        edit_notes(planned, by=person, text=f"{notes.text.rstrip()}\n\n{THANKS}\n")
    following = (at + timedelta(days=20)).date()
    if not ReleaseTrain.objects.filter(line="market").exists():
        create_train(
            by=person,
            line="market",
            pattern="2026.{n}",
            weekday=following.weekday(),
            weeks=2,
            starts_on=following,
            next_number=5,
        )
