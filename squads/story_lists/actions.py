"""Keeping lists of stories under a name. The list of stories and its views are one person's own business."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import QueryDict

from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from squads.story_lists.listing import Asked
from squads.story_lists.models import StoryView

MOST_VIEWS, LONGEST_NAME = 30, 60


@transaction.atomic
def save_view(*, by: Actor, name: str, query: str, is_default: bool = False) -> StoryView:
    """Keep the filter and order of a list under a name. The same name again replaces it.

    Raises ValidationError naming the field for a name that is none, for all stories, and for more than MOST_VIEWS.
    """
    name = _checked(name)
    asked = Asked.read(QueryDict(query))
    if not asked:
        raise ValidationError({"query": "Set a filter or an order first, then save the view."})
    hold(f"story views of {by.pk}")
    mine = StoryView.objects.filter(owner=by)
    if not mine.filter(name=name).exists() and mine.count() >= MOST_VIEWS:
        raise ValidationError({"name": f"You already have {MOST_VIEWS} views. Delete one first."})
    view, _ = StoryView.objects.update_or_create(owner=by, name=name, defaults={"query": asked.query[:1000]})
    return set_default(view, is_default) if is_default else view


@transaction.atomic
def rename_view(view: StoryView, name: str) -> StoryView:
    """Call a view otherwise. Raises ValidationError for a name that another view of the person has."""
    name = _checked(name)
    if StoryView.objects.filter(owner=view.owner_id, name=name).exclude(pk=view.pk).exists():
        raise ValidationError({"name": f"You already have a view called “{name}”. Choose another name."})
    view.name = name
    view.save(update_fields=["name"])
    return view


@transaction.atomic
def set_default(view: StoryView, is_default: bool) -> StoryView:
    """Show its owner this view at first, instead of all stories; or no longer."""
    hold(f"story views of {view.owner_id}")
    StoryView.objects.filter(owner=view.owner_id, is_default=True).update(is_default=False)
    StoryView.objects.filter(pk=view.pk).update(is_default=is_default)
    view.is_default = is_default
    return view


def _checked(name: str) -> str:
    name = " ".join(name.replace("\0", "").split())
    if not name or len(name) > LONGEST_NAME:
        raise ValidationError({"name": f"Give the view a name of 1 to {LONGEST_NAME} characters."})
    return name
