"""Many ids in one parameter."""

from django.db.models import F

from portal.accounts.models import User
from portal.kernel.among import Among
from squads.models import Squad, Story
from squads.stories.actions import create_story


def test_stories_are_found_by_ids_however_these_come_and_however_often_they_are_asked(
    ana: User, payments: Squad
) -> None:
    made = [create_story(payments, by=ana, title=title) for title in ("Ants", "Bees", "Cats")]
    found = Story.objects.filter(Among(F("pk"), (story.pk for story in made[:2]))).order_by("pk")
    assert found.count() == 2
    assert list(found) == made[:2]
    assert not Story.objects.filter(Among(F("pk"), [])).exists()
