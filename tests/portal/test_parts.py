"""Parts of a page carry a version of what they show, and of nothing else."""

import re

import pytest
from django.template import Context, Template
from django.test import Client

from portal.accounts.models import User
from portal.templatetags.parts import version_of
from squads.models import Squad
from squads.stories.actions import create_story
from squads.stories.editing import edit_story

PART = re.compile(r'id="([a-z-_]+)" data-version="([0-9a-f]{12})"')


def test_how_long_ago_something_was_is_no_change() -> None:
    assert version_of("Merged 3 days ago.") == version_of("Merged 4 days ago.") == version_of("Merged just now.")
    assert version_of("Merged as abc.") != version_of("Merged as abd.")


def test_a_part_is_an_element_with_id_version_and_what_it_is_given() -> None:
    template = Template(
        '{% load parts %}{% part "a-"|add:name section class="x" aria_labelledby="t" %} {{ text }} {% endpart %}'
    )
    made = template.render(Context({"name": "b", "text": "<b>"}))
    assert re.fullmatch(
        '<section id="a-b" data-version="[0-9a-f]{12}" class="x" aria-labelledby="t">&lt;b&gt;</section>', made
    )


@pytest.mark.django_db
def test_only_the_parts_that_show_something_else_have_another_version(
    as_ana: Client, ana: User, payments: Squad
) -> None:
    story = create_story(payments, by=ana, title="Refunds")

    def versions() -> dict[str, str]:
        return dict(PART.findall(as_ana.get("/stories/PAY-1/").content.decode()))

    before = versions()
    assert versions() == before
    assert len(before) >= 12
    edit_story(story, by=ana, title="Money back")
    after = versions()
    assert {name for name in before if before[name] != after[name]} == {"field-title", "story-history"}
