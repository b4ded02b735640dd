"""How to make each address of retrospectives, for the tests of who may open it: a part of CASES in permissions.py."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from portal.kernel import clock
from squads.models import FeedAddress, Retrospective, Squad, Story
from squads.retrospective_actions.actions import decline, propose, start
from squads.retrospective_feeds.actions import add_address
from squads.retrospectives import actions
from squads.retrospectives.editing import edit

ACTIONS = {"proposed": "prevent", "declined": "detect", "done": "mitigate"}
ACTION = {"title": "Warm the cache", "kind": "prevent", "squad": "payments"}
SENT = {"title": "Checkout was down", "kind": "incident", "squad": "payments"}


def retrospectives(squad: Squad, by: Any, added: Any) -> dict[str, Retrospective]:
    """Make one in every state, with an entry in its timeline and somebody who was added."""
    made = {}
    for state in ("draft", "in_review", "published", "locked"):
        about = actions.Subject(began_at=clock.now() - timedelta(hours=3))
        row = actions.create(squad, by=by, kind="incident", title=f"Down: {state}", subject=about)
        edit(row, by=by, **{"section:summary": "It was down."})
        actions.add_entry(row, by=by, text="Paged", at=about.began_at)
        actions.add_participant(row, added, by=by)
        if state != "draft":
            actions.ask_for_review(row, by=by)
        if state in ("published", "locked"):
            actions.publish(row, by=by)
        made[state] = row
    add_address(by=added)
    # Told by their kinds: tests write other titles.
    for state, kind in ACTIONS.items():
        action = propose(made["published"], by=by, title=f"Warm the cache: {state}", kind=kind, squad=squad)
        if state == "declined":
            decline(action, by=by, because="It costs too much.")
        if state == "done":
            Story.objects.filter(pk=start(action, by=by).pk).update(stage="rodeo_done")
    # As docs/api.md has it.
    Retrospective.objects.filter(pk=made["published"].pk).update(slug="checkout-was-down-7k2m9xqe")
    made["published"].refresh_from_db()
    long_ago = clock.now() - timedelta(days=40)
    Retrospective.objects.filter(pk=made["locked"].pk).update(published_at=long_ago)
    return made


def _slug(state: str, *more: Any) -> Callable[[Any], list[Any]]:
    return lambda w: [w.retrospectives[state].slug, *more]


def _entry(w: Any) -> list[Any]:
    row = w.retrospectives["published"]
    return [row.slug, row.timeline.get(kind="note").pk]


def _action(state: str) -> Callable[[Any], list[Any]]:
    return lambda w: [w.retrospectives["published"].actions.get(kind=ACTIONS[state]).pk]


def _feed(w: Any) -> list[Any]:
    return [FeedAddress.objects.earliest("pk").pk]


def _edited(w: Any) -> dict[str, Any]:
    row = w.retrospectives["published"]
    return {"title": row.title, "version": row.version, "section:summary": "It was slow."}


def cases(case: Callable[..., Any]) -> dict[str, Any]:
    """Return the cases, made with the class that permissions.py has for them."""
    # Of a draft, others are told nothing, not even that it is there.
    hidden = {"refusals": (404,)}
    pages, acts = "squads:retrospective_pages", "squads:retrospective_actions"
    feeds, published = "squads:retrospective_feeds", _slug("published")
    return {
        f"{pages}:list": case(),
        f"{pages}:feed": case(),
        f"{pages}:export_all_json": case(),
        f"{pages}:export_all_markdown": case(),
        f"{feeds}:addresses": case(body=lambda w: {"name": "feed reader"}),
        f"{feeds}:revoke": case(_feed, fine=(404,)),
        f"{feeds}:feed": case(lambda w: ["feed_guessed"], fine=(404,)),
        "api:feed-address-list": case(body=lambda w: {"name": "feed reader"}),
        "api:feed-address-detail": case(_feed, fine=(404,)),
        f"{pages}:create": case(body=lambda w: SENT, also={"GET": {"other"}}, refusals=(400,)),
        f"{pages}:begin_sprint": case(lambda w: [w.squad.slug]),
        "squads:retrospective_imports:import": case(
            body=lambda w: {
                "uploads": SimpleUploadedFile("a.md", b"# Down\n\n## Summary\n\nDown.\n"),
                "squad": "payments",
            },
            also={"GET": {"other"}},
            refusals=(400,),
        ),
        f"{pages}:detail": case(published),
        f"{pages}:versions": case(published),
        f"{pages}:compare": case(published),
        f"{pages}:export_markdown": case(published),
        f"{pages}:export_json": case(published),
        f"{pages}:read": case(published),
        f"{pages}:learned": case(published),
        f"{pages}:edit": case(published, _edited),
        f"{pages}:mentions": case(published),
        f"{pages}:review": case(_slug("draft"), **hidden),
        f"{pages}:back_to_draft": case(_slug("in_review")),
        f"{pages}:publish": case(_slug("in_review")),
        f"{pages}:delete": case(_slug("draft"), **hidden),
        f"{pages}:reopen": case(_slug("locked"), lambda w: {"because": "The numbers were wrong."}),
        f"{pages}:people": case(published, lambda w: {"person": "reader"}),
        f"{pages}:person_remove": case(_slug("published", "mo")),
        f"{pages}:fill": case(published),
        f"{pages}:entry_create": case(published, lambda w: {"text": "Called support"}),
        f"{pages}:dropped": case(published),
        f"{pages}:entry_edit": case(_entry, lambda w: {"text": "Called support"}),
        f"{pages}:entry_state": case(_entry, lambda w: {"state": "pinned"}),
        f"{acts}:list": case(),
        f"{acts}:propose": case(published, lambda w: ACTION),
        f"{acts}:start": case(_action("proposed")),
        f"{acts}:decline": case(_action("proposed"), lambda w: {"because": "It costs too much."}),
        f"{acts}:take_up_again": case(_action("declined")),
        f"{acts}:helped": case(_action("done"), lambda w: {"helped": "yes"}),
        "api:retrospective-action-list": case(
            body=lambda w: {**ACTION, "retrospective": w.retrospectives["published"].slug}
        ),
        "api:retrospective-action-detail": case(_action("proposed")),
        "api:retrospective-action-story": case(_action("proposed")),
        "api:retrospective-action-decline": case(_action("proposed"), lambda w: {"because": "It costs too much."}),
        "api:retrospective-action-answers": case(_action("done"), lambda w: {"helped": "yes"}),
        f"{pages}:template": case(lambda w: [w.squad.slug, "sprint"], lambda w: {"sections": "Mood"}),
        "api:retrospective-list": case(body=lambda w: SENT),
        "api:retrospective-detail": case(published, lambda w: {"title": "Checkout was slow"}),
        "api:retrospective-review": case(lambda w: [w.retrospectives["draft"].slug], refusals=(404,), fine=(409,)),
        "api:retrospective-publication": case(_slug("in_review")),
        "api:retrospective-timeline": case(published, lambda w: {"text": "Called support"}),
    }


THROUGH_OWN = {
    "squads:retrospective_pages:entry_edit": lambda w: w.retrospectives["published"].timeline.get(kind="note").pk,
    "squads:retrospective_pages:person_remove": lambda w: "mo",
    "squads:retrospective_pages:entry_state": lambda w: w.retrospectives["published"].timeline.get(kind="note").pk,
}
