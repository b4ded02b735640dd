"""The state of a release: pure, and as pages, API and filters tell it from the evidence of its stories."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from portal.accounts.actions import make_token
from portal.accounts.models import User
from portal.kernel import days
from portal.kernel.models import AuditEntry, StateChange
from releases.models import Change, DailyReadiness, InboundEvent, Release, Repository, Source, StoryLink
from releases.planning.actions import abandon_release, create_release, edit_release
from releases.planning.members import state_now, states_of
from releases.planning.state import NAMES, About, Member, state_of
from squads.endings.actions import cancel
from squads.judge.stages import STAGES
from squads.models import Evidence, Squad, Story
from squads.stories.actions import create_story, judge, record_by_hand, take_back

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
API = "/api/v1/releases/"


def hour(number: float) -> datetime:
    return T0 + timedelta(hours=number)


ABOUT = About(created_at=T0)


def told(members: list[Member], about: About = ABOUT) -> tuple[str, datetime | None]:
    state = state_of(members, about)
    return state.state, state.since


def member(stage: str, **moments: Any) -> Member:
    return Member(1, stage, came_in=T0)._replace(**moments)


def test_a_release_without_stories_is_planned_and_one_that_is_said_to_be_out_unknown() -> None:
    assert told([]) == ("planned", T0)
    assert told([], ABOUT._replace(is_out=True)) == ("unknown", None)


@pytest.mark.parametrize(
    ("members", "state", "since"),
    [
        ([member("todo")], "planned", T0),
        ([member("todo"), member("in_progress", started=hour(2))], "in_progress", hour(2)),
        # Work that began before it was planned for the release is work on it since then.
        ([member("dev_done", started=hour(-9))], "in_progress", T0),
        ([member("tested", tested=hour(3)), member("tested", tested=hour(5))], "candidate", hour(5)),
        # What came in later makes it another candidate.
        ([member("tested", tested=hour(3)), member("tested", tested=hour(1), came_in=hour(7))], "candidate", hour(7)),
        ([member("deployed", deployed=hour(6)), member("todo")], "shipping", hour(6)),
        ([member("integrated", partly=hour(4)), member("tested", tested=hour(1))], "shipping", hour(4)),
        (
            [member("deployed", deployed=hour(6)), member("rodeo_done", deployed=hour(4), accepted=hour(9))],
            "in_production",
            hour(6),
        ),
        ([member("rodeo_done", accepted=hour(9)), member("rodeo_done", accepted=hour(8))], "rodeo_done", hour(9)),
        # Brought in from elsewhere: nobody knows since when.
        ([member("tested", tested=hour(3)), member("tested")], "candidate", None),
        ([member("in_progress")], "in_progress", None),
    ],
)
def test_the_state_follows_from_the_stages_of_the_stories(
    members: list[Member], state: str, since: datetime | None
) -> None:
    assert told(members) == (state, since)


def test_what_went_out_last_makes_it_another_candidate() -> None:
    assert told([member("tested", tested=hour(3))], ABOUT._replace(lost_at=hour(8))) == ("candidate", hour(8))


def test_an_abandoned_release_that_goes_out_all_the_same_is_out() -> None:
    about = ABOUT._replace(abandoned_at=hour(4), abandoned_by="Pam", abandoned_because="No budget.")
    assert told([member("deployed", deployed=hour(6))], about) == ("in_production", hour(6))
    assert told([member("deployed", deployed=hour(6)), member("todo")], about) == ("abandoned", hour(4))
    assert told([member("todo")], about._replace(is_out=True)) == ("planned", T0)


def test_a_release_that_was_abandoned_and_went_out_all_the_same_says_both() -> None:
    about = ABOUT._replace(abandoned_at=hour(4), abandoned_by="Pam", abandoned_because="No budget.")
    said = state_of([member("deployed", deployed=hour(6))], about).reason
    assert said.endswith("none is rodeo done. It was abandoned, yet it’s in production."), said
    assert state_of([], about._replace(is_out=True)).reason.endswith("It was abandoned, yet it’s out.")
    assert "yet" not in state_of([member("deployed", deployed=hour(6))], ABOUT).reason


def test_an_abandoned_release_says_who_abandoned_it_and_why() -> None:
    about = ABOUT._replace(abandoned_at=hour(4), abandoned_by="Pam", abandoned_because="No budget.")
    state = state_of([member("tested", accepted=hour(1))], about)
    assert (state.state, state.since, state.reason) == ("abandoned", hour(4), "Abandoned by Pam: No budget.")


@given(st.lists(st.sampled_from(STAGES), max_size=6), st.randoms())
def test_the_order_of_the_stories_changes_nothing(stages: list[str], chance: Any) -> None:
    members = [member(stage, story_id=number) for number, stage in enumerate(stages)]
    before = state_of(members, ABOUT)
    chance.shuffle(members)
    assert state_of(members, ABOUT) == before and before.state in NAMES


# From evidence


@pytest.fixture
def release(ana: User) -> Release:
    return create_release(by=ana, version="5.10", line="Shop")


@pytest.fixture
def lift(ana: User, lea: User) -> Callable[..., None]:
    """Bring a story to a stage by evidence by hand, an hour after the other."""

    def lifted(story: Story, *kinds: str, at: float = 1) -> None:
        story.refresh_from_db()
        if story.progress == "todo":
            story.move_progress("dev_done", by=ana, at=hour(at))
        for number, kind in enumerate(kinds, 1):
            record_by_hand(story, by=lea, kind=kind, at=hour(at + number), note="Seen.")

    return lifted


TO_TESTED = ("run", "test")
TO_PRODUCTION = (*TO_TESTED, "deployment")


def shown(browser: Client, release: Release) -> dict[str, Any]:
    found: dict[str, Any] = browser.get(f"{API}{release.slug}/").json()["state"]
    return found


def test_a_release_goes_from_planned_to_rodeo_done_by_the_evidence_of_its_stories(
    as_ana: Client, ana: User, payments: Squad, release: Release, lift: Callable[..., None]
) -> None:
    one, other = (create_story(payments, by=ana, title=title, release=release) for title in ("Saddle", "Bridle"))
    assert shown(as_ana, release)["state"] == "planned"
    lift(one)
    assert (shown(as_ana, release)["state"], shown(as_ana, release)["reason"]) == (
        "in_progress",
        "None of its 2 stories is tested yet.",
    )
    lift(one, *TO_TESTED)
    lift(other, *TO_TESTED, at=5)
    assert shown(as_ana, release)["state"] == "candidate"
    lift(one, "deployment", at=9)
    assert shown(as_ana, release)["reason"] == "1 of 2 stories is in production."
    lift(other, "deployment", at=10)
    assert shown(as_ana, release)["state"] == "in_production"
    lift(one, "acceptance", at=12)
    lift(other, "acceptance", at=13)
    assert shown(as_ana, release)["state"] == "rodeo_done"
    page = as_ana.get("/releases/").content.decode()
    assert "rodeo done</span>" in page


def test_the_moment_is_the_evidences_own_however_late_it_comes(
    ana: User, payments: Squad, release: Release, lift: Callable[..., None]
) -> None:
    story = create_story(payments, by=ana, title="Saddle", release=release)
    story.scope_changes.update(at=T0)
    lift(story, *TO_TESTED, at=1)
    state = state_now(release)
    assert (state.state, state.since) == ("candidate", hour(3))
    lift(story, "deployment", at=30)
    assert state_now(release).since == hour(31)


def test_evidence_that_is_withdrawn_takes_the_release_back(
    ana: User, lea: User, payments: Squad, release: Release, lift: Callable[..., None]
) -> None:
    story = create_story(payments, by=ana, title="Saddle", release=release)
    lift(story, *TO_TESTED)
    assert state_now(release).state == "candidate"
    take_back(story.evidence.get(kind="test"), by=lea, because="Wrong version.")
    assert state_now(release).state == "in_progress"


def test_a_cancelled_story_decides_nothing(
    ana: User, payments: Squad, release: Release, lift: Callable[..., None]
) -> None:
    lift(create_story(payments, by=ana, title="Saddle", release=release), *TO_TESTED)
    cancel(create_story(payments, by=ana, title="Bridle", release=release), by=ana, because="Nobody rides.")
    assert state_now(release).state == "candidate"


def test_a_story_that_a_change_of_the_release_names_decides_too_since_the_tag(
    ana: User, payments: Squad, release: Release, lift: Callable[..., None]
) -> None:
    story = create_story(payments, by=ana, title="Saddle")
    lift(story, *TO_TESTED)
    named_by_a_change(story, release)
    Release.objects.filter(pk=release.pk).update(tagged_at=hour(20))
    state = state_now(Release.objects.get(pk=release.pk))
    assert (state.state, state.since) == ("candidate", hour(20))


def named_by_a_change(story: Story, release: Release) -> None:
    source, _ = Source.objects.get_or_create(key="git", defaults={"name": "git", "kind": "git"})
    event = InboundEvent.objects.create(source=source, delivery=story.key, body=b"", received_at=T0)
    repository, _ = Repository.objects.get_or_create(key="shop/checkout")
    change = Change.objects.create(
        id=uuid4(), repository=repository, sha=f"{story.pk:040x}", release=release, event=event, subject="Work"
    )
    StoryLink.objects.create(change=change, key=story.key, story=story, rule="message")


def see_in_production(story: Story, at: datetime, *shas: str, environment: str = "prod-eu") -> None:
    """What a deployment of one of the story's services left: the story's commits that run there from then on."""
    Evidence.objects.create(
        id=uuid4(),
        story=story,
        kind="deployment",
        verdict="success",
        at=at,
        service="checkout",
        environment=environment,
        tier="production",
        shas=list(shas),
    )


def test_a_release_is_shipping_once_one_service_of_a_story_is_in_production(
    ana: User, payments: Squad, release: Release
) -> None:
    story = create_story(payments, by=ana, title="Saddle", release=release)
    for sha, service in (("a" * 40, "checkout"), ("b" * 40, "ledger")):
        Evidence.objects.create(
            id=uuid4(), story=story, kind="change", verdict="success", at=hour(1), service=service, shas=[sha]
        )
    see_in_production(story, hour(6), "a" * 40)
    judge([story.pk])
    state = state_now(release)
    assert state.state == "shipping"
    assert state.reason == "Its one story is in production in part."
    see_in_production(story, hour(8))
    assert state_now(release).state != "shipping", "rolled back"


def test_the_filter_of_the_database_agrees_with_the_state(
    as_ana: Client, ana: User, payments: Squad, lift: Callable[..., None], pam: User
) -> None:
    ways: list[list[tuple[str, ...] | None]] = [
        [],
        [None],
        [(), None],
        [TO_TESTED],
        [TO_TESTED, ()],
        [TO_PRODUCTION, TO_TESTED],
        [TO_PRODUCTION],
        [(*TO_PRODUCTION, "acceptance"), TO_PRODUCTION],
        [(*TO_PRODUCTION, "acceptance")],
    ]
    made = []
    for number, way in enumerate(ways):
        for named in (False, True):
            release = create_release(by=ana, version=f"1.{number}", line="named" if named else "planned")
            made.append(release)
            for kinds in way:
                story = create_story(payments, by=ana, title="x", release=None if named else release)
                if kinds is not None:
                    lift(story, *kinds)
                if named:
                    named_by_a_change(story, release)
    edit_release(made[0], by=pam, released_at=T0)
    abandon_release(made[2], by=pam, because="No budget.")
    # Abandoned, and out all the same.
    Release.objects.filter(pk__in=[made[0].pk, made[12].pk, made[13].pk]).update(abandoned_at=T0)
    partly = create_release(by=ana, version="2.0")
    story = create_story(payments, by=ana, title="x", release=partly)
    see_in_production(story, hour(1), "a" * 40)
    rolled_back = create_release(by=ana, version="2.1")
    story = create_story(payments, by=ana, title="x", release=rolled_back)
    see_in_production(story, hour(1), "a" * 40)
    see_in_production(story, hour(2))
    states = {pk: state.state for pk, state in states_of(Release.objects.select_related("abandoned_by")).items()}
    assert set(states.values()) == set(NAMES)
    for state in NAMES:
        wanted = {pk for pk, each in states.items() if each == state}
        assert set(Release.objects.in_state(state).values_list("pk", flat=True)) == wanted, state
        listed = as_ana.get(f"{API}?state={state}").json()["results"]
        assert {each["state"]["state"] for each in listed} == {state}
        page = as_ana.get(f"/releases/?state={state}").content.decode()
        assert page.count('<th scope="row" class="name">') == len(wanted)


def test_an_unknown_state_is_refused_with_its_field(as_ana: Client, release: Release) -> None:
    answer = as_ana.get(f"{API}?state=finished")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "state")


# Abandoning


def test_only_who_answers_for_a_release_abandons_and_resumes_it_and_others_read_who_can(
    as_ana: Client, as_pam: Client, ana: User, pam: User, payments: Squad, release: Release
) -> None:
    address, who = release.get_absolute_url(), "the release’s owner, project managers and administrators can"

    def as_a_member(way: str) -> Any:
        body = {"because": "No."} if way == "abandon" else {}
        for place in (f"{address}{way}/", f"{API}{release.slug}/{way}/"):
            kind = {"content_type": "application/json"} if place.startswith(API) else {}
            answer = as_ana.post(place, body, **kind)
            assert (answer.status_code, f"Only {who} {way} a release." in answer.content.decode()) == (403, True)

    as_a_member("abandon")
    assert as_ana.get(f"{address}abandon/").status_code == 403
    form = as_ana.get(f"{address}edit/").content.decode()
    assert "abandon/" not in form and f"Not going out? Only {who} abandon it." in form
    assert Release.objects.get().abandoned_at is None
    edit_release(release, by=pam, owner=ana)
    assert "abandon/" in as_ana.get(f"{address}edit/").content.decode()
    assert as_ana.post(f"{address}abandon/", {"because": "No budget."}).status_code == 302
    assert "Resume release" in as_ana.get(address).content.decode()
    edit_release(release, by=pam, owner=None)
    as_a_member("resume")
    board = as_ana.get(address).content.decode()
    assert "Resume release" not in board and f"Only {who} resume it." in board
    assert as_pam.post(f"{API}{release.slug}/resume/").status_code == 200


def test_a_squads_token_abandons_no_release_even_if_its_account_owned_it(
    lea: User, payments: Squad, release: Release
) -> None:
    token, secret = make_token(by=lea, name="CI", scopes=["read", "write"], days=7, squad=payments)
    Release.objects.filter(pk=release.pk).update(owner=token.user)
    browser, body = Client(headers={"Authorization": f"Bearer {secret}"}), {"because": "No."}
    answer = browser.post(f"{API}{release.slug}/abandon/", body, content_type="application/json")
    assert answer.status_code == 403 and Release.objects.get().abandoned_at is None


def test_a_release_is_abandoned_with_a_reason_and_resumed(
    as_pam: Client, pam: User, payments: Squad, release: Release
) -> None:
    story = create_story(payments, by=pam, title="Saddle", release=release)
    address = f"/releases/{release.slug}/"
    assert as_pam.post(f"{address}abandon/", {"because": " "}).status_code == 400
    as_pam.post(f"{address}abandon/", {"because": "No budget."})
    page = as_pam.get(address).content.decode()
    assert "Abandoned by Pam: No budget." in page and "Resume release" in page
    assert as_pam.post(f"{address}abandon/", {"because": "Again."}).status_code == 409
    story.refresh_from_db()
    assert story.release == release
    as_pam.post(f"{address}resume/")
    assert shown(as_pam, release)["state"] == "planned"
    moves = StateChange.objects.filter(kind="release", key=str(release.pk))
    assert [(each.from_state, each.to_state, each.because, each.by) for each in moves] == [
        ("planned", "abandoned", "No budget.", pam),
        ("abandoned", "planned", "", pam),
    ]
    said = list(AuditEntry.objects.filter(kind="release").values_list("did", flat=True))
    assert f"abandoned {release}: No budget." in said and f"resumed {release}" in said


def test_a_release_that_is_out_is_not_abandoned(
    as_pam: Client, payments: Squad, release: Release, lift: Callable[..., None], pam: User
) -> None:
    out = create_release(by=pam, version="5.9", line="Shop", released_at=T0)
    lift(create_story(payments, by=pam, title="Saddle", release=release), *TO_PRODUCTION)
    for each in (out, release):
        answer = as_pam.post(f"{API}{each.slug}/abandon/", {"because": "No."}, content_type="application/json")
        assert answer.status_code == 400
        assert f"{each} is out, so it can’t be abandoned." in answer.json()["detail"]


def test_an_abandoned_release_in_production_shows_both_on_its_pages_and_its_verdict_like_any_other(
    as_pam: Client, pam: User, payments: Squad, release: Release, lift: Callable[..., None]
) -> None:
    story = create_story(payments, by=pam, title="Saddle", release=release)
    both, address = "It was abandoned, yet it’s in production.", release.get_absolute_url()
    DailyReadiness.objects.create(release=release, day=days.today(), verdict="ready", blockers=0, rodeo_done=0, total=1)
    abandon_release(release, by=pam, because="No budget.")
    for page in (address, "/releases/"):
        assert 'readiness/"><span' not in as_pam.get(page).content.decode()
    assert "Not going out?" not in (page := as_pam.get(f"{address}edit/").content.decode())
    assert "Abandoned by Pam: No budget." in page
    lift(story, *TO_PRODUCTION)
    for page in (address, f"{address}edit/", "/releases/", f"{address}status/"):
        assert both in as_pam.get(page).content.decode(), page
    assert "(abandoned)" in as_pam.get("/releases/").content.decode()
    for page in (address, "/releases/"):
        assert 'readiness/"><span' in as_pam.get(page).content.decode()
    assert shown(as_pam, release)["reason"].endswith(both)


def test_a_release_in_production_is_not_offered_to_be_abandoned(
    as_pam: Client, pam: User, payments: Squad, release: Release, lift: Callable[..., None]
) -> None:
    address = f"{release.get_absolute_url()}edit/"
    assert "Not going out?" in as_pam.get(address).content.decode()
    lift(create_story(payments, by=pam, title="Saddle", release=release), *TO_PRODUCTION)
    assert "Not going out?" not in as_pam.get(address).content.decode()


def test_the_owner_the_goal_and_the_target_date_are_changed_and_kept_in_the_audit_log(
    as_pam: Client, as_bo: Client, bo: User, release: Release
) -> None:
    body = {"owner": "bo", "goal": "Fewer clicks.", "planned_for": "2026-12-01"}
    answer = as_pam.patch(f"{API}{release.slug}/", body, content_type="application/json")
    assert answer.status_code == 200 and {**answer.json(), **body} == answer.json()
    said = AuditEntry.objects.filter(kind="release").latest("pk").did
    assert (
        said
        == "changed the owner from nothing to Bo, the goal, the target date from nothing to 2026-12-01 of Shop 5.10"
    )
    page = as_pam.get(f"/releases/{release.slug}/").content.decode()
    assert "Owner: Bo." in page and "Fewer clicks." in page
    wrong = as_pam.patch(f"{API}{release.slug}/", {"owner": "nobody"}, content_type="application/json")
    assert (wrong.status_code, wrong.json()["errors"][0]["attr"]) == (400, "owner")
    assert [each["version"] for each in as_pam.get(f"{API}?owner=bo").json()["results"]] == ["5.10"]


def test_a_long_goal_is_refused_by_both_doors(as_ana: Client, release: Release) -> None:
    long = "x" * 2001
    assert as_ana.patch(f"{API}{release.slug}/", {"goal": long}, content_type="application/json").status_code == 400
    form = {"version": "5.10", "line": "Shop", "goal": long}
    assert as_ana.post(f"/releases/{release.slug}/edit/", form).status_code == 400


def test_states_take_the_same_few_queries_for_many_releases(
    ana: User, payments: Squad, lift: Callable[..., None], django_assert_num_queries: Any
) -> None:
    releases = [create_release(by=ana, version=str(number)) for number in range(4)]
    for release in releases:
        story = create_story(payments, by=ana, title="x", release=release)
        lift(story)
        named_by_a_change(create_story(payments, by=ana, title="y"), release)
    with django_assert_num_queries(3):
        states_of(releases[:1])
    with django_assert_num_queries(3):
        states_of(releases)
