"""The admin pages: every row can be looked at, and what is derived cannot be changed there."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client, RequestFactory

from portal.accounts.models import User
from releases.environments.actions import environment_named
from releases.inbox.actions import store
from releases.inbox.models import InboundEvent, Source
from squads.models import Squad, Story
from squads.stories.actions import create_story

OURS = [model for app in ("portal", "squads", "releases") for model in apps.get_app_config(app).get_models()]
# Members are edited with their squad. What names a session opens it.
INLINE = {"Membership", "UserSession"}
EDITABLE = {"Squad", "Service", "Story", "Environment", "Release", "Source"}


def test_every_model_is_registered() -> None:
    missing = {model.__name__ for model in OURS if not admin.site.is_registered(model)}
    assert missing == INLINE


@pytest.mark.parametrize(
    "model", [each for each in OURS if each.__name__ not in INLINE], ids=lambda each: each.__name__
)
def test_every_list_opens_and_only_what_people_write_can_be_changed(model: Any, as_root: Client, root: User) -> None:
    meta = model._meta
    assert as_root.get(f"/admin/{meta.app_label}/{meta.model_name}/?q=x").status_code in (200, 302)
    request = RequestFactory().get("/")
    request.user = root
    mine = admin.site._registry[model]
    assert mine.has_change_permission(request) is (model.__name__ in EDITABLE)
    assert mine.has_add_permission(request) is (model.__name__ == "Squad")
    assert not mine.has_delete_permission(request)


def test_ways_into_accounts_are_not_changed_here(as_root: Client) -> None:
    """Whoever confirms an address by hand, or connects an account, signs in as somebody else, and no log says so."""
    others = {model._meta.label for model in admin.site._registry} - {model._meta.label for model in OURS}
    assert not others
    for path in ("account/emailaddress/add/", "socialaccount/socialaccount/add/", "mfa/authenticator/"):
        assert as_root.get(f"/admin/{path}").status_code == 404


def test_a_password_is_changed_on_the_one_page_for_it(as_root: Client, root: User) -> None:
    assert as_root.get("/admin/password_change/").headers["Location"] == "/accounts/password/change/"
    new = {
        "old_password": "root-password",
        "new_password1": "another pass phrase",
        "new_password2": "another pass phrase",
    }
    assert as_root.post("/admin/password_change/", new).status_code == 405
    root.refresh_from_db()
    assert root.check_password("root-password")


def test_members_of_squads_do_not_get_in(as_ana: Client) -> None:
    assert as_ana.get("/admin/").status_code == 302


def test_a_source_never_shows_its_secret(as_root: Client, db: None) -> None:
    source = Source.objects.create(key="ci", name="ci", kind="cdevents", secret="very-secret", token_digest="d1935t")
    text = as_root.get(f"/admin/releases/source/{source.pk}/change/").content.decode()
    assert "very-secret" not in text
    assert "d1935t" not in text
    as_root.post(f"/admin/releases/source/{source.pk}/change/", {"name": "CI"})
    source.refresh_from_db()
    assert (source.name, source.secret) == ("CI", "very-secret")


def test_an_event_is_shown_raw_and_can_be_read_again(as_root: Client, db: None) -> None:
    source = Source.objects.create(key="ci", name="ci", kind="cdevents")
    event, _ = store(source, delivery="d", kind="k", body=b'{"a": "<script>"}')
    InboundEvent.objects.update(state="failed")
    text = as_root.get(f"/admin/releases/inboundevent/{event.pk}/change/").content.decode()
    assert "&lt;script&gt;" in text
    as_root.post("/admin/releases/inboundevent/", {"action": "read_again", "_selected_action": [str(event.pk)]})
    event.refresh_from_db()
    assert event.state == "pending"


def test_a_story_changed_here_is_judged_again(as_root: Client, ana: User, payments: Squad) -> None:
    story = create_story(payments, by=ana, title="Refunds")
    fields = {"title": "Refunds in parts", "type": "defect", "audience": "everyone", "flag": "refunds"}
    answer = as_root.post(f"/admin/squads/story/{story.pk}/change/", fields)
    assert answer.status_code == 302
    story = Story.objects.get()
    assert (story.title, story.flag, story.key) == ("Refunds in parts", "refunds", "PAY-1")


def test_an_environment_changed_here_goes_through_its_verb(as_root: Client, db: None) -> None:
    place = environment_named("qa2")
    fields = {"name": "QA two", "tier": "staging", "order": "7"}
    assert as_root.post(f"/admin/releases/environment/{place.pk}/change/", fields).status_code == 302
    place.refresh_from_db()
    assert (place.name, place.tier, place.key) == ("QA two", "staging", "qa2")


def test_a_squad_and_its_members_can_be_made_here(as_root: Client, ana: User) -> None:
    fields = {
        "name": "Search",
        "slug": "search",
        "key_prefix": "SEA",
        "kind": "vertical",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": str(ana.pk),
        "memberships-0-role": "member",
    }
    assert as_root.post("/admin/squads/squad/add/", fields).status_code == 302
    assert Squad.objects.get(slug="search").is_writable_by(ana)


def test_what_a_verb_objects_to_is_said_and_nothing_is_saved(as_root: Client, db: None) -> None:
    place = environment_named("qa2")
    fields = {"name": "QA two", "tier": "staging", "order": "7", "url": "ftp://qa2"}
    answer = as_root.post(f"/admin/releases/environment/{place.pk}/change/", fields, follow=True)
    assert "Nothing was saved. Enter a full address starting with https:// or http://." in answer.content.decode()
    place.refresh_from_db()
    assert place.name == "qa2"
