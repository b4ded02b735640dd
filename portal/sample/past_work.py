"""A squad of the sample company that finished a story almost every week, so that its next release has a forecast."""

from datetime import datetime, timedelta

from portal.accounts.models import User
from releases.models import Release
from squads.models import Squad, Story
from squads.stories.actions import create_story, record_by_hand

# Days ago, and what was rodeo done then. Two weeks were quiet.
FINISHED = (
    (86, "Open the app with a fingerprint"),
    (80, "Show the basket in the app"),
    (77, "Fix the crash on old phones"),
    (71, "Pay with the phone’s wallet"),
    (65, "Scan a product’s barcode"),
    (59, "Share a product with a friend"),
    (52, "Show the delivery on a map"),
    (50, "Fix the doubled notification"),
    (37, "Rate a delivery"),
    (31, "Remember the last search"),
    (23, "Turn notifications off by kind"),
    (16, "Read out the basket to screen readers"),
    (10, "Load pictures only on Wi-Fi"),
    (4, "Sign in without a password"),
)
AHEAD = (
    ("user_story", "Order again with one tap", "The last order can be put into the basket again."),
    ("user_story", "See the stock of the shop nearby", "A product shows in which shops it is today."),
    ("defect", "The total is cut off on small screens", "On screens below 5 inches the cents are missing."),
    ("user_story", "Use the app without a network", "Products seen before can be opened without a network."),
    ("chore", "Drop support for phones of 2018", "Two in a hundred visitors have one. They get the web page."),
)
NOTE = "The store’s report shows this version as released; tried on three phones."


def finish_past_stories(squad: Squad, *, by: User, accepter: User, at: datetime) -> None:
    """Create the stories that were finished, with evidence by hand: no pipeline tells of the app's stores."""
    for days, title in FINISHED:
        done = at - timedelta(days=days)
        story = create_story(
            squad,
            by=by,
            title=title,
            type="defect" if title.startswith("Fix") else "user_story",
            description="Visitors asked for it in the stores.",
            assignees=[by],
        )
        story.move_progress("in_progress", by=by, at=done - timedelta(days=5))
        story.move_progress("dev_done", by=by, at=done - timedelta(days=2))
        record_by_hand(story, by=by, kind="deployment", at=done - timedelta(hours=3), note=NOTE)
        record_by_hand(story, by=accepter, kind="acceptance", at=done, note=NOTE)
        _written(story, by, done - timedelta(days=9))


def plan_next(squad: Squad, release: Release, *, by: User, at: datetime) -> None:
    """Create the stories that are planned for the next release of the app."""
    for number, (kind, title, text) in enumerate(AHEAD):
        story = create_story(
            squad,
            by=by,
            title=title,
            type=kind,
            description=text,
            release=release,
            assignees=[by] if number < 2 else [],
        )
        if number < 2:
            story.move_progress("in_progress", by=by, at=at - timedelta(hours=30 + number))
        _written(story, by, at - timedelta(days=9))


def _written(story: Story, by: User, at: datetime) -> None:
    # Nobody has to be told now of what was long ago.
    story.assignments.filter(person=by).update(at=at, seen_at=at)
    Story.objects.filter(pk=story.pk).update(created_at=at)
