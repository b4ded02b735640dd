"""Approvals hold for what a release ships, and for nothing else."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.actions import make_token
from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import AuditEntry, Message, StateChange
from releases.approvals import actions
from releases.approvals.actions import answer, ask, void_outdated
from releases.approvals.models import Approval
from releases.approvals.queries import ApprovalNow, approvals_of
from releases.contents.models import ReleaseContent
from releases.contents.queries import contents_of
from releases.models import Release
from releases.planning.actions import create_release, edit_release, put_story
from squads.models import Membership, Service, Squad, Story
from squads.stories.actions import create_story
from tests.releases.contents.conftest import Told
from tests.releases.evidence.conftest import sha_of

pytestmark = pytest.mark.django_db
RUN = {"pipeline": "ci", "service": "checkout", "branch": "main", "outcome": "success"}


def now(release: Release) -> ApprovalNow:
    """The one approval of a release as it stands."""
    (found,) = approvals_of(contents_of([release]))[release.pk]
    return found


def image(digest: str) -> str:
    return f"pkg:oci/checkout@sha256%3A{digest * 32}"


@pytest.fixture
def approved(history: Told, story: Story, release: Release, ana: User, pam: User) -> Approval:
    """Pam approved release 1.0: PAY-1, and of checkout the commit of tag v1.0 with the artifact made of it."""
    history.touch("first", f"{story.key} refund", 0)
    history.touch("later", "more", 1, "first")
    history.look("later", **{"v1.0": ("first", 2)})
    history.report("runs", {**RUN, "id": "7", "commit": sha_of("first"), "artifact": image("4f")}, 1)
    return answer(ask(release, by=ana, kind="person", person=pam), by=pam, given=True)


def test_an_approval_is_given_for_what_ships(approved: Approval, release: Release) -> None:
    found = now(release)
    assert (found.state, found.by, found.asked_of) == ("given", "Pam", "Pam")
    (service,) = approved.content["services"]
    assert (service["commit"], service["artifact"]) == (sha_of("first"), f"sha256:{'4f' * 32}")
    assert void_outdated() == 0 and now(release).state == "given"


def test_a_moved_tag_voids_it(approved: Approval, history: Told, release: Release) -> None:
    history.look("later", **{"v1.0": ("later", 3)})
    found = now(release)
    first, later = sha_of("first")[:7], sha_of("later")[:7]
    assert found.state == "void" and found.why_void[0] == f"checkout: tag v1.0 moved from {first} to {later}."


def test_an_added_story_voids_it_and_its_page_says_which(
    approved: Approval, release: Release, payments: Squad, ana: User, as_ana: Client
) -> None:
    added = create_story(payments, by=ana, title="More", release=release)
    assert now(release).why_void == (f"{added.key} was added.",)
    page = as_ana.get(f"{release.get_absolute_url()}approvals/").content.decode()
    assert f"{added.key} was added." in page and ">void<" in page and "Ask again" in page


def test_another_digest_voids_it(
    approved: Approval, history: Told, release: Release, checkout: Service, ana: User
) -> None:
    chosen = {"sha": sha_of("first"), "purl": image("5a")}
    ReleaseContent.objects.create(release=release, service=checkout, by=ana, **chosen)
    found = now(release)
    assert (
        found.state == "void"
        and "the artifact changed from sha256:4f4f4f4f4f4f… to sha256:5a5a5a5a5a5a…" in found.why_void[0]
    )


def test_another_chosen_commit_is_no_moved_tag(
    history: Told, story: Story, release: Release, checkout: Service, ana: User, pam: User
) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.touch("later", "more", 1, "first")
    history.look("later", **{"v1.0": ("first", 2)})
    chosen = ReleaseContent.objects.create(release=release, service=checkout, by=ana, sha=sha_of("later"))
    answer(ask(release, by=ana, kind="person", person=pam), by=pam, given=True)
    ReleaseContent.objects.filter(pk=chosen.pk).update(sha=sha_of("first"))
    later, first = sha_of("later")[:7], sha_of("first")[:7]
    assert now(release).why_void == (f"checkout: the commit changed from {later} to {first}.",)


def test_an_equal_artifact_built_again_does_not(approved: Approval, history: Told, release: Release) -> None:
    again = {**RUN, "id": "8", "commit": sha_of("first"), "artifact": image("4f")}
    history.report("runs", again, 2)
    assert now(release).state == "given" and void_outdated() == 0


def test_once_void_it_stays_void_whatever_the_content_becomes(
    approved: Approval, release: Release, story: Story, ana: User
) -> None:
    put_story(story, release, by=ana, planned=False)
    assert now(release).state == "given"  # its change still ships
    more = create_story(story.squad, by=ana, title="More", release=release)
    assert now(release).state == "void"
    assert void_outdated() == 1 and void_outdated() == 0
    put_story(more, release, by=ana, planned=False)
    found = now(release)
    assert found.state == "void" and found.why_void == (f"{more.key} was added.",)
    move = StateChange.objects.filter(kind="approval", to_state="void").get()
    assert (move.by, move.because) == (None, f"{more.key} was added.")
    assert Message.objects.filter(topic="approval.voided").count() == 1


def test_a_release_that_cannot_be_read_keeps_no_other_approval_from_being_voided(
    approved: Approval, release: Release, payments: Squad, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = create_release(by=ana, version="9")
    row = {"kind": "person", "person": ana, "asked_of": "person", "asked_by": ana, "asked_at": clock.now()}
    Approval.objects.create(release=bad, state="given", answered_at=clock.now(), content_digest="x", **row)
    create_story(payments, by=ana, title="More", release=release)

    def broken(releases: Any, **how: bool) -> Any:
        if bad in releases:
            raise ZeroDivisionError
        return contents_of(releases, **how)

    monkeypatch.setattr(actions, "contents_of", broken)
    assert void_outdated() == 1
    assert set(Approval.objects.values_list("release", "state")) == {(bad.pk, "given"), (release.pk, "void")}


def test_what_is_out_keeps_what_was_approved_and_is_judged_by_what_it_ships_now(
    approved: Approval, release: Release, payments: Squad, ana: User, pam: User, as_ana: Client
) -> None:
    edit_release(release, by=pam, released_at=clock.now())
    late = create_story(payments, by=ana, title="Late", release=release)
    assert (now(release).state, now(release).why_void) == ("void", (f"{late.key} was added.",))
    assert void_outdated() == 0
    page = as_ana.get(f"{release.get_absolute_url()}approvals/").content.decode()
    assert ">approved<" in page and "was added." not in page
    with pytest.raises(Exception, match="already out"):
        ask(release, by=ana, kind="managers")


def test_what_is_not_known_can_be_asked_about_and_declined_but_not_approved(
    as_ana: Client, as_pam: Client, release: Release, checkout: Service, ana: User
) -> None:
    ReleaseContent.objects.create(release=release, service=checkout, by=ana, configuration="7")
    place = f"{release.get_absolute_url()}approvals/"
    assert (
        "Asked any project manager." in as_ana.post(f"{place}ask/", {"kind": "managers"}, follow=True).content.decode()
    )
    asked = Approval.objects.get()
    page = as_pam.post(f"{place}{asked.pk}/answer/", {"answer": "given"}, follow=True).content.decode()
    assert "The commit of checkout that ships isn’t known. Tag it or choose it." in page
    assert Approval.objects.get().state == "waiting"
    page = as_pam.post(f"{place}{asked.pk}/answer/", {"answer": "declined"}, follow=True).content.decode()
    assert "Say why you decline" in page
    as_pam.post(f"{place}{asked.pk}/answer/", {"answer": "declined", "note": "Choose one."})
    assert (now(release).state, now(release).note) == ("declined", "Choose one.")


def test_nobody_approves_what_changed_while_they_looked(
    as_ana: Client, as_pam: Client, release: Release, ana: User
) -> None:
    place = f"{release.get_absolute_url()}approvals/"
    as_ana.post(f"{place}ask/", {"kind": "managers"})
    page = as_pam.get(place).content.decode()
    seen = page.split('name="seen" value="')[1][:64]
    create_story(Squad.objects.get(), by=ana, title="More", release=release)
    where = f"{place}{Approval.objects.get().pk}/answer/"
    page = as_pam.post(where, {"answer": "given", "seen": seen}, follow=True).content.decode()
    assert "What ships changed while you looked at it" in page
    assert "approved." in as_pam.post(where, {"answer": "given"}, follow=True).content.decode()


def test_whoever_was_asked_answers_and_nobody_else(
    release: Release, payments: Squad, ana: User, lea: User, pam: User
) -> None:
    Membership.objects.filter(user=ana).update(accepts=True)
    root = User.objects.create_user("admin", is_staff=True)
    ria = User.objects.create_user("reader")
    may = {
        ("managers", None): {pam},
        ("administrators", None): {root},
        ("members", payments): {lea, ana},
        ("leads", payments): {lea},
        ("accepters", payments): {ana},
    }
    by = User.objects.create_user("other", is_staff=True, is_project_manager=True)
    for (kind, squad), people in may.items():
        asked = ask(release, by=by, kind=kind, squad=squad)
        everybody = {pam, root, ria, ana, lea, by}
        assert {each for each in everybody if not asked.why_may_not_answer(each)} == people
        assert {each for each in everybody if Approval.objects.filter(pk=asked.pk).waiting_for(each)} == people


def test_nobody_approves_for_two_roles_or_what_they_asked_for(
    release: Release, payments: Squad, lea: User, ana: User, pam: User
) -> None:
    members, leads = (ask(release, by=pam, kind=kind, squad=payments) for kind in ("members", "leads"))
    assert "You asked for this" in members.why_may_not_answer(pam)
    answer(members, by=lea, given=True)
    assert "in another role" in leads.why_may_not_answer(lea)
    assert not Approval.objects.waiting_for(lea)
    by_name = ask(release, by=pam, kind="person", person=lea)
    assert not by_name.why_may_not_answer(lea) and list(Approval.objects.waiting_for(lea)) == [by_name]


def test_it_waits_in_the_inbox_and_is_answered_once(as_ana: Client, as_pam: Client, release: Release) -> None:
    place = f"{release.get_absolute_url()}approvals/"
    as_ana.post(f"{place}ask/", {"kind": "person", "person": "pam", "note": "By Friday."})
    page = as_pam.get("/acceptance/").content.decode()
    assert "Releases to approve" in page and "By Friday." in page and "waiting for you" in page
    assert "Releases to approve" not in as_ana.get("/acceptance/").content.decode()
    pk = Approval.objects.get().pk
    assert as_ana.post(f"{place}{pk}/answer/", {"answer": "given"}).status_code == 403
    as_pam.post(f"{place}{pk}/answer/", {"answer": "given"})
    page = as_pam.post(f"{place}{pk}/answer/", {"answer": "declined", "note": "No."}, follow=True).content.decode()
    assert "is now “given”" in page and Approval.objects.get().state == "given"
    assert "Releases to approve" not in as_pam.get("/acceptance/").content.decode()
    assert AuditEntry.objects.filter(kind="release", did__startswith="approved checkout 1.0").count() == 1


def test_asking_twice_is_refused_and_asking_again_after_an_answer_is_not(
    as_ana: Client, release: Release, ana: User, pam: User
) -> None:
    place = f"{release.get_absolute_url()}approvals/"
    for said, status in (
        ({"kind": "managers"}, 302),
        ({"kind": "managers"}, 400),
        ({"kind": "person"}, 400),
        ({"kind": "person", "person": "nobody"}, 400),
        ({"kind": "person", "person": "ana"}, 400),
        ({"kind": "leads"}, 400),
        ({"kind": "king"}, 400),
    ):
        assert as_ana.post(f"{place}ask/", said).status_code == status, said
    first = Approval.objects.get()
    answer(first, by=pam, given=False, note="No.")
    assert as_ana.post(f"{place}ask/", {"kind": "managers"}).status_code == 302
    assert now(release).state == "waiting"
    as_ana.post(f"{place}{Approval.objects.latest('pk').pk}/withdraw/")
    assert now(release).state == "declined"


def test_over_the_api_it_is_asked_answered_and_withdrawn_by_people(
    as_ana: Client, as_pam: Client, client: Client, release: Release, payments: Squad, ana: User, lea: User
) -> None:
    place = f"/api/v1/releases/{release.slug}/approvals/"
    made = as_ana.post(place, {"kind": "managers"}, content_type="application/json")
    assert made.status_code == 201 and made.json()["state"] == "waiting", made.content
    where = f"{place}{made.json()['id']}/answer/"
    wrong = as_pam.post(where, {"answer": "given", "content": "0" * 64}, content_type="application/json")
    assert wrong.status_code == 400
    unseen = as_pam.post(where, {"answer": "given"}, content_type="application/json")
    (error,) = unseen.json()["errors"]
    assert (unseen.status_code, error["attr"]) == (400, "content") and "content_now" in error["detail"]
    seen = {"answer": "given", "content": made.json()["content_now"]}
    assert as_pam.post(where, seen, content_type="application/json").json()["answered_by"] == "pam"
    create_story(payments, by=ana, title="More", release=release)
    (row,) = as_ana.get(place).json()["results"]
    assert row["state"] == "void" and row["why_void"] == ["PAY-2 was added."]
    other = as_ana.post(place, {"kind": "members", "squad": "payments"}, content_type="application/json").json()
    _, secret = make_token(by=lea, name="CI", scopes=["read", "write"], days=7, squad=payments)
    program = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
    refused = client.post(
        f"{place}{other['id']}/answer/",
        {**seen, "content": other["content_now"]},
        content_type="application/json",
        **program,
    )
    assert refused.status_code == 403 and "Only people can approve" in refused.content.decode()
    assert as_ana.post(f"{place}{other['id']}/withdraw/").json()["state"] == "withdrawn"


def test_the_page_and_the_question_cost_the_same_whatever_there_is(
    as_pam: Client, payments: Squad, checkout: Service, ana: User, pam: User
) -> None:
    costs = []
    for number in range(10):
        release = create_release(by=ana, version=f"1.{number}")
        ReleaseContent.objects.create(release=release, service=checkout, sha="a" * 40, by=ana)
        answer(ask(release, by=ana, kind="managers"), by=pam, given=True)
        for each in range(number):
            person: Any = User.objects.create_user(f"p{number}-{each}")
            ask(release, by=ana, kind="person", person=person)
        if number in (1, 9):
            contents = contents_of(list(Release.objects.all()))
            with CaptureQueriesContext(connection) as asked:
                approvals_of(contents)
            question = len(asked)
            with CaptureQueriesContext(connection) as asked:
                as_pam.get(f"{release.get_absolute_url()}approvals/")
                void_outdated()
            costs.append((question, len(asked)))
    assert costs[0] == costs[1] and costs[0][0] == 1
