"""The releases of the founding talk, as its slide counts them."""

import time
from collections.abc import Iterable
from datetime import UTC, date, datetime

from django.db import transaction

from portal.accounts.models import User
from releases.models import Release
from releases.planning.actions import create_release, edit_release
from squads.models import ScopeChange, Squad, Story
from squads.stories.actions import create_story, record_by_hand
from squads.teams.actions import archive_squad

# The slide "Release Summary 2013": version, date, user stories, defects.
TALK = (
    ("5.6", date(2012, 12, 20), 3, 20),
    ("5.7", date(2013, 1, 4), 8, 49),
    ("5.8", date(2013, 1, 9), 0, 4),
    ("5.9", date(2013, 1, 17), 2, 12),
    ("5.10", date(2013, 1, 25), 3, 26),
    ("5.11", date(2013, 2, 7), 4, 21),
    ("5.12", date(2013, 2, 14), 3, 14),
    ("5.13", date(2013, 3, 18), 5, 29),
    ("6.0", date(2013, 4, 15), 19, 169),
)
TALK_NOTE = "Counted on the talk's slide “Release Summary 2013”, which doesn't say what it was."
# So many stories in one transaction, and how long others are let in between, in seconds.
AT_ONCE, PAUSE = 8, 0.12


def tell_the_talk(person: User) -> None:
    """The nine releases of 2012 and 2013: 47 user stories and 344 defects, each vouched for by the slide, by hand."""
    squad = Squad.objects.get(key_prefix="OH")
    if squad.archived_at:
        return
    for version, day, user_stories, defects in TALK:
        moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        titles = [
            (type_, f"{name} {number} of {count} in {version}")
            for type_, name, count in (("user_story", "User story", user_stories), ("defect", "Defect", defects))
            for number in range(1, count + 1)
        ]
        release = Release.objects.filter(line="OneHealth", version=version).first() or _released(
            person, version, moment
        )
        there = set(Story.objects.filter(squad=squad, release=release).values_list("title", flat=True))
        left = [each for each in titles if each[1] not in there]
        for start in range(0, len(left), AT_ONCE):
            _talked(squad, release, person, moment, left[start : start + AT_ONCE])
            # Others write as well: SQLite lets one in at a time, and whoever waits looks every tenth of a second.
            time.sleep(PAUSE)
    archive_squad(squad, by=person, because="The company of the talk. Its releases are here to look at.")


@transaction.atomic
def _released(person: User, version: str, moment: datetime) -> Release:
    release = create_release(by=person, version=version, line="OneHealth")
    Release.objects.filter(pk=release.pk).update(owner=person)
    return edit_release(release, by=person, released_at=moment)


@transaction.atomic
def _talked(squad: Squad, release: Release, person: User, moment: datetime, titles: Iterable[tuple[str, str]]) -> None:
    made = []
    for type_, title in titles:
        story = create_story(squad, by=person, title=title, type=type_, release=release, description=TALK_NOTE)
        record_by_hand(story, by=person, kind="deployment", at=moment, note=TALK_NOTE)
        made.append(story.pk)
    Story.objects.filter(pk__in=made).update(created_at=moment)
    ScopeChange.objects.filter(story__in=made).update(at=moment)
