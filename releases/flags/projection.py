"""From facts about flags to the states they were seen in."""

from portal.kernel.stable_ids import stable_id
from releases.environments.actions import environment_named
from releases.flags.models import FlagState
from releases.inbox.affected import Affected
from releases.inbox.models import Fact
from releases.inbox.projection import Projection, save_row


def project(key: str, facts: list[Fact], affected: Affected) -> None:
    """A flag was seen on or off. Every sighting stays a row: a flag has a history."""
    sightings = {stable_id("flag", fact.id): fact for fact in facts}
    FlagState.objects.filter(flag=key[:120]).exclude(pk__in=sightings).delete()
    for pk, fact in sightings.items():
        values = {
            "flag": key[:120],
            "environment": environment_named(fact.data["environment"]),
            "on": fact.data.get("on", False),
            "at": fact.at,
            "audience": fact.data.get("audience", "everyone")[:60],
            "event_id": fact.event_id,
        }
        save_row(FlagState, pk, values)
    affected.flags.add(key)


def withdraw(key: str, affected: Affected) -> None:
    """Nothing tells of the flag any more."""
    FlagState.objects.filter(flag=key[:120]).delete()
    affected.flags.add(key)


FLAGS = Projection(kind="flag", project=project, withdraw=withdraw, models=(FlagState,))
