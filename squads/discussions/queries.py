"""What the pages show of comments, mentions and watchers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.safestring import SafeString

from portal.kernel import markdown
from portal.kernel.actors import Actor
from squads.discussions.models import Comment, Watch

MOST_MENTIONED, MOST_OFFERED, LONGEST_ASKED = 50, 8, 150


@dataclass(frozen=True, slots=True)
class ShownComment:
    """One comment, its text as HTML, and whether the reader is its author."""

    comment: Comment
    html: SafeString
    own: bool


def mentioned_people(texts: Iterable[str]) -> dict[str, Any]:
    """Return the people that texts mention, by user name in small letters; only those that can sign in."""
    names = {name for text in texts for name in markdown.people_in(text)}
    if not names:
        return {}
    people = get_user_model().objects.annotate(small=Lower("username")).filter(small__in=names, is_active=True)
    return {person.username.lower(): person for person in people.order_by("pk")[:MOST_MENTIONED]}


def people_called(text: str) -> list[Any]:
    """Return the first people whose user name, first or last name begins with a text; only those that can sign in."""
    text = text.strip()[:LONGEST_ASKED]
    begins = Q(username__istartswith=text) | Q(first_name__istartswith=text) | Q(last_name__istartswith=text)
    people = get_user_model().objects.filter(begins, is_active=True, program_of=None)
    return list(people.order_by("first_name", "last_name", "username")[:MOST_OFFERED])


def render_texts(texts: Iterable[str]) -> list[SafeString]:
    """Render Markdown texts as safe HTML, with links to the stories and people they name; two queries, however many."""
    texts = list(texts)
    people = {name: person.name for name, person in mentioned_people(texts).items()}
    keys = {key for text in texts for key in markdown.keys_in(text)}
    stories = {}
    if keys:
        # Looked up by name: packages import only downwards, and stories lie above discussions.
        known = apps.get_model("squads", "Story")._default_manager.named(keys)
        stories = {key: reverse("squads:stories:detail", args=[key]) for key in known}
    return [markdown.to_html(text, stories=stories, people=people) for text in texts]


def comments(story: Any) -> QuerySet[Comment]:
    """Return a story's comments, the oldest first."""
    return Comment.objects.filter(story=story).select_related("author").order_by("created_at", "pk")


def shown_comments(
    rows: Iterable[Comment], reader: Any, bodies: Iterable[SafeString] | None = None
) -> list[ShownComment]:
    """Return comments as a page shows them to this reader. Texts that are rendered already are passed in `bodies`."""
    rows = list(rows)
    rendered = render_texts(row.body for row in rows) if bodies is None else bodies
    return [ShownComment(row, html, row.author_id == reader.pk) for row, html in zip(rows, rendered, strict=True)]


def watchers(story: Any) -> QuerySet[Watch]:
    """Return who watches a story, longest first."""
    return Watch.objects.filter(story=story).select_related("person").order_by("since", "pk")


def is_watching(story: Any, person: Actor, first: list[Watch]) -> bool:
    """Say whether a person watches a story, of whose watchers the first ones are known."""
    if any(watch.person_id == person.pk for watch in first):
        return True
    return Watch.objects.filter(story=story, person=person).exists()
