"""Making, renaming and removing labels, called by the pages and the API. `squads.stories.editing` puts them on stories."""

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from portal.kernel.live import touch
from portal.kernel.names import fold_name
from portal.kernel.outbox import publish
from squads.events import StoryEdited
from squads.labels.models import LONGEST_NAME, Label
from squads.teams.models import Squad

MOST_LABELS, MOST_ON_A_STORY = 200, 20


def label_named(squad: Squad, name: str) -> Label:
    """Return the squad's label of this name, however it is spelled; make it if there is none.

    Raises ValidationError naming the field for a name that is none, and when the squad has MOST_LABELS already.
    """
    name = _checked(name)
    label = squad.labels.filter(folded=fold_name(name)).first()
    if label is not None:
        return label
    if squad.labels.count() >= MOST_LABELS:
        raise ValidationError({"labels": f"{squad} has {MOST_LABELS} labels, which is the most. Remove one first."})
    try:
        with transaction.atomic():
            return Label.objects.create(squad=squad, name=name)
    except IntegrityError:
        # Somebody made it in the same moment.
        return Label.objects.get(squad=squad, folded=fold_name(name))


def labels_named(squad: Squad, labels: Iterable[Label | str]) -> list[Label]:
    """Return labels that are named, or at hand, as labels of this squad, each once; those that are missing are made."""
    found = [label_named(squad, each.name if isinstance(each, Label) else each) for each in labels]
    return list({label.pk: label for label in found}.values())


def set_labels(story: Any, labels: Iterable[Label | str], *, by: Any) -> None:
    """Make these the labels of a story whose row the caller holds."""
    wanted = labels_named(story.squad, labels)
    if len(wanted) > MOST_ON_A_STORY:
        raise ValidationError({"labels": f"A story has at most {MOST_ON_A_STORY} labels. Remove some first."})
    story.labels.set(wanted)


@transaction.atomic
def rename_label(label: Label, name: str) -> Label:
    """Call a label otherwise, on all stories that have it. Raises ValidationError for a name that another label has."""
    name = _checked(name, "name")
    if label.squad.labels.filter(folded=fold_name(name)).exclude(pk=label.pk).exists():
        raise ValidationError({"name": f"There’s already a label “{name}”. Choose another name."})
    label.name = name
    label.save(update_fields=["name", "folded"])
    _tell(_stories_with(label))
    return label


@transaction.atomic
def remove_label(label: Label) -> None:
    """Take a label off all its stories, and remove it. Their histories go on naming it."""
    stories = _stories_with(label)
    label.delete()
    _tell(stories)


def _stories_with(label: Label) -> list[int]:
    links = apps.get_model("squads", "Story").labels.through._default_manager.filter(label=label)
    return list(links.values_list("story_id", flat=True))


def _tell(stories: list[int]) -> None:
    if stories:
        publish(StoryEdited(ids=stories))
        touch(stories)


def _checked(name: str, field: str = "labels") -> str:
    name = " ".join(name.replace("\0", "").split())
    if not name or len(name) > LONGEST_NAME or "," in name:
        raise ValidationError(
            {field: f"“{name[:60]}” isn’t a valid label. Use 1 to {LONGEST_NAME} characters, without commas."}
        )
    return name
