"""What a release ships of each service, and how that is known."""

from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.kernel.models import AuditEntry, StateChange
from portal.kernel.stable_ids import stable_id
from releases.contents.models import DeployOrder, ReleaseContent
from releases.contents.queries import contents_of
from releases.inbox.models import InboundEvent
from releases.pipelines.models import Change, Repository
from releases.planning.models import Release
from releases.reading.actions import rebuild
from squads.models import Service, Squad, Story
from squads.stories.actions import create_story
from tests.releases.contents.conftest import DIGEST, Told, content, only, put
from tests.releases.evidence.conftest import sha_of

API = "/api/v1/releases/checkout-1.0/contents/"


def test_the_commit_is_where_the_releases_tag_is(history: Told, story: Story, release: Release) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.touch("later", "more", 1, "first")
    history.look("later", **{"v1.0": ("first", 2)})
    found = only(release)
    assert (found.name, found.squad, found.repository) == ("checkout", "Payments", "shop/checkout")
    assert (found.sha, found.tag) == (sha_of("first"), "v1.0")
    assert found.why.startswith("Tag v1.0 of shop/checkout.")


def test_a_moved_tag_gives_the_new_commit(history: Told, story: Story, release: Release) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.touch("later", "more", 1, "first")
    history.look("later", **{"v1.0": ("first", 2)})
    history.look("later", **{"v1.0": ("later", 3)})
    assert only(release).sha == sha_of("later")


def test_without_a_tag_it_is_the_newest_of_the_mainline_that_has_all(
    history: Told, story: Story, release: Release
) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.touch("later", "more", 1, "first")
    history.look("later")
    found = only(release)
    assert (found.sha, found.tag) == (sha_of("later"), "")
    assert found.why.startswith("No tag and nothing chosen")


def test_what_is_taken_back_leaves_the_commit_unknown(history: Told, story: Story, release: Release) -> None:
    first = history.touch("first", f"{story.key} refund", 0)
    history.touch("back", f'Revert "{story.key} refund"\n\nThis reverts commit {first}.', 1, "first")
    history.look("back")
    found = only(release)
    assert found.sha == ""
    assert found.why == f"{first[:7]} was taken back on the mainline of shop/checkout. Choose the commit."


def test_what_a_person_chose_counts_before_a_tag(
    history: Told, story: Story, release: Release, checkout: Service, pam: object
) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.look("first", **{"v1.0": ("first", 2)})
    ReleaseContent.objects.create(release=release, service=checkout, sha="a" * 40, configuration="7", by=pam)
    found = only(release)
    assert (found.sha, found.configuration, found.chosen_by) == ("a" * 40, "7", "pam")


def test_a_release_without_changes_ships_its_stories_and_no_service(release: Release, story: Story) -> None:
    assert content(release).stories == ((story.pk, story.key),)
    assert content(release).services == ()


def test_files_of_the_schema_are_found(history: Told, story: Story, release: Release) -> None:
    history.touch("first", f"{story.key} a\n\nSchema-Change: Expand", 0, files=("app/migrations/0001_a.py",))
    history.touch("second", f"{story.key} b", 1, "first", files=("db/drop.sql", "app/migrations/__init__.py"))
    history.touch("third", f"{story.key} c", 2, "second", files=None)
    history.look("third")
    found = only(release)
    assert [(each.path, each.kind, each.named_by) for each in found.schema_changes] == [
        ("app/migrations/0001_a.py", "expand", "the commit message"),
        ("db/drop.sql", "", ""),
    ]
    assert found.schema_unknown == 1


def test_an_artifact_made_of_the_commit_is_found_by_its_run(history: Told, story: Story, release: Release) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.look("first")
    digest = "4f" * 32
    image = f"pkg:oci/checkout@sha256%3A{digest}"
    sha = sha_of("first")
    run = {"id": "7", "pipeline": "ci", "commit": sha, "service": "checkout", "branch": "main", "outcome": "success"}
    history.report("runs", {**run, "artifact": image}, 1)
    found = only(release)
    assert (found.purl, found.digest) == (image, f"sha256:{digest}")
    history.report("runs", {**run, "id": "8", "artifact": f"pkg:oci/checkout@sha256%3A{'5a' * 32}"}, 2)
    found = only(release)
    assert (found.purl, found.digest) == ("", "")
    assert "2 artifacts pkg:oci/checkout with different digests" in found.why


# Choosing


def test_ci_chooses_a_commit_and_an_artifact(history: Told, story: Story, release: Release, as_lea: Client) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.look("first")
    purl = f"pkg:oci/checkout@sha256:{DIGEST}"
    answer = put(as_lea, f"{API}checkout/", {"sha": sha_of("first")[:12], "purl": purl, "configuration": "7"})
    assert answer.status_code == 200, answer.content
    assert answer.json()["sha"] == sha_of("first")
    assert (answer.json()["digest"], answer.json()["configuration"]) == (f"sha256:{DIGEST}", "7")
    assert answer.json()["chosen_by"] == "lea"
    entry = AuditEntry.objects.get()
    assert entry.did.startswith(f"chose that checkout 1.0 ships {sha_of('first')}")
    put(as_lea, f"{API}checkout/", {"sha": sha_of("first"), "purl": purl, "configuration": "7"})
    assert AuditEntry.objects.count() == 1 and StateChange.objects.filter(kind="release content").count() == 1
    assert as_lea.delete(f"{API}checkout/").status_code == 204
    assert as_lea.delete(f"{API}checkout/").status_code == 204
    assert only(release).chosen_by == "" and AuditEntry.objects.count() == 2


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({}, "sha", "Enter a commit, an artifact or a version of configuration."),
        ({"sha": "main"}, "sha", "Enter a commit sha"),
        ({"sha": "abcdef1"}, "sha", "No known commit of checkout begins with abcdef1. Enter the full sha."),
        ({"purl": "checkout:1.0"}, "purl", "Enter a purl"),
        ({"purl": "pkg:oci/checkout@1.0"}, "purl", "names no digest"),
        ({"shaw": "abcdef1"}, "shaw", "Did you mean “sha”?"),
    ],
)
def test_a_choice_that_names_nothing_is_refused(
    release: Release, checkout: Service, as_lea: Client, said: dict[str, str], field: str, words: str
) -> None:
    answer = put(as_lea, f"{API}checkout/", said)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["attr"] == field and words in error["detail"]


def test_members_of_other_squads_choose_nothing(release: Release, checkout: Service, as_bo: Client) -> None:
    answer = put(as_bo, f"{API}checkout/", {"sha": "a" * 40})
    assert answer.status_code == 403
    assert "Only project managers and members of Payments" in answer.json()["errors"][0]["detail"]


def test_who_chooses_at_the_same_time_is_told(release: Release, checkout: Service, as_lea: Client) -> None:
    page = "/releases/checkout-1.0/contents/checkout/choose/"
    assert as_lea.post(page, {"sha": "a" * 40, "version": 0}).status_code == 302
    answer = as_lea.post(page, {"sha": "b" * 40, "version": 0})
    assert answer.status_code == 409 and "Someone else changed this meanwhile" in answer.content.decode()
    assert only(release).sha == "a" * 40


def test_an_artifact_that_is_chosen_tells_its_commit(
    history: Told, story: Story, release: Release, as_lea: Client
) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.look("first")
    purl = f"pkg:oci/checkout@sha256:{DIGEST}"
    run = {"id": "7", "pipeline": "ci", "commit": sha_of("first"), "service": "checkout", "branch": "main"}
    history.report("runs", {**run, "outcome": "success", "artifact": purl}, 1)
    put(as_lea, f"{API}checkout/", {"purl": purl})
    assert only(release).sha == sha_of("first")


# Artifacts


def made(history: Told, artifact: str, at: float, **more: str) -> None:
    run = {"id": f"run-{at}", "pipeline": "ci", "commit": sha_of("first"), "branch": "main", "outcome": "success"}
    history.report("runs", {**run, "service": "checkout", "artifact": artifact, **more}, at)


def test_an_equal_artifact_built_again_is_the_same_content(history: Told, story: Story, release: Release) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.look("first")
    made(history, f"pkg:oci/checkout@sha256:{DIGEST}?tag=1", 1)
    before = only(release)
    made(history, f"pkg:oci/checkout@sha256:{DIGEST}?tag=2", 2)
    assert only(release) == before and before.digest == f"sha256:{DIGEST}"


def test_an_artifact_of_a_shortened_sha_is_that_of_the_commit(history: Told, story: Story, release: Release) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.look("first")
    image = f"pkg:oci/checkout@sha256%3A{DIGEST}"
    made(history, image, 1, commit=sha_of("first")[:10])
    assert (only(release).purl, only(release).made_from) == (image, (sha_of("first"),))


def test_an_artifact_of_another_commit_than_the_chosen_one_is_refused(
    history: Told, story: Story, release: Release, as_lea: Client
) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.touch("later", "more", 1, "first")
    history.look("later")
    made(history, f"pkg:oci/checkout@sha256:{DIGEST}?tag=1", 1)
    said = {"sha": sha_of("later"), "purl": f"pkg:oci/checkout@sha256:{DIGEST}"}
    answer = put(as_lea, f"{API}checkout/", said)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["attr"]) == (400, "purl")
    assert error["detail"] == (
        f"This artifact was made from {sha_of('first')[:7]}, not from {sha_of('later')[:7]}. "
        "Choose an artifact of that commit, or leave the commit empty."
    )
    assert put(as_lea, f"{API}checkout/", {**said, "sha": sha_of("first")}).status_code == 200
    assert put(as_lea, f"{API}checkout/", {"purl": said["purl"]}).status_code == 200


def test_of_a_jar_and_an_image_the_one_that_runs_is_meant(history: Told, story: Story, release: Release) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.look("first")
    image, jar = f"pkg:oci/checkout@sha256%3A{DIGEST}", f"pkg:maven/shop/checkout@1.0?checksum=sha256:{'5a' * 32}"
    made(history, image, 1)
    made(history, jar, 2)
    found = only(release)
    assert found.purl == "" and "several artifacts, pkg:maven/shop/checkout and pkg:oci/checkout" in found.why
    earlier = {"service": "checkout", "environment": "production", "artifact": f"pkg:oci/checkout@sha256:{'6b' * 32}"}
    history.report("deployments", earlier, 3)
    assert only(release).purl == image


def test_an_artifact_without_a_digest_is_told_as_such(history: Told, story: Story, release: Release) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.look("first")
    made(history, "pkg:oci/checkout@1.0", 1)
    found = only(release)
    assert (found.purl, found.digest) == ("pkg:oci/checkout@1.0", "")
    assert "The digest of pkg:oci/checkout isn’t known." in found.why


# Commits


def test_a_change_that_is_not_on_the_mainline_leaves_the_commit_unknown(
    history: Told, story: Story, release: Release
) -> None:
    history.touch("first", "begin", 0)
    history.touch("beside", f"{story.key} refund", 1, "first")
    history.look("first", **{"v0.9": ("beside", 2)})
    assert only(release).why == f"{sha_of('beside')[:7]} isn’t on the mainline of shop/checkout yet."


def test_tags_at_different_commits_name_none(history: Told, story: Story, release: Release) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.touch("later", "more", 1, "first")
    history.look("later", **{"v1.0": ("first", 2), "1.0": ("later", 3)})
    found = only(release)
    assert found.sha == "" and "Tags of this release name different commits: 1.0 at" in found.why


def test_a_service_made_from_two_repositories_has_no_one_commit(
    history: Told, story: Story, release: Release, checkout: Service, as_lea: Client
) -> None:
    history.touch("first", f"{story.key} refund", 0)
    history.look("first")
    Repository.objects.create(key="shop/checkout-web", service=checkout)
    assert only(release).sha == sha_of("first")
    other = Release.objects.create(line="shop", version="2", slug="shop-2")
    put(as_lea, "/api/v1/releases/shop-2/contents/checkout/", {"configuration": "7"})
    found = only(other)
    assert (found.sha, found.configuration) == ("", "7")
    assert "several repositories, shop/checkout and shop/checkout-web" in found.why


def test_a_repository_of_no_service_is_told(history: Told, story: Story, release: Release) -> None:
    Repository.objects.update(service=None)
    history.touch("first", f"{story.key} refund", 0)
    history.look("first")
    assert content(release).services == () and content(release).unclaimed == ("shop/checkout",)


# In general


def test_a_rebuild_gives_the_same_and_keeps_what_people_said(
    history: Told, story: Story, release: Release, as_lea: Client
) -> None:
    first = history.touch("first", f"{story.key} a", 0, files=("db/1.sql", "db/2.sql"))
    history.look("first", **{"v1.0": ("first", 2)})
    made(history, f"pkg:oci/checkout@sha256:{DIGEST}", 1)
    change = Change.objects.get(sha=first)
    said = put(
        as_lea, f"{API}checkout/schema-changes/", {"change": str(change.pk), "path": "db/1.sql", "kind": "contract"}
    )
    assert said.status_code == 204, said.content
    before = content(release)
    assert [each.kind for each in before.services[0].schema_changes] == ["contract", ""]
    rebuild()
    assert content(release) == before


def test_many_releases_are_read_in_as_many_queries_as_one(
    history: Told, story: Story, release: Release, payments: Squad, ana: User, django_assert_max_num_queries: Any
) -> None:
    history.touch("first", f"{story.key} a", 0, files=("db/1.sql",))
    history.look("first", **{"v1.0": ("first", 2)})
    with django_assert_max_num_queries(12):
        contents_of([release])
    for number in range(12):
        service = Service.objects.create(name=f"part-{number}", slug=f"part-{number}", squad=payments)
        repository = Repository.objects.create(key=f"shop/part-{number}", service=service)
        other = Release.objects.create(version=f"2.{number}", slug=f"2.{number}")
        named = create_story(payments, by=ana, title="More")
        Story.objects.filter(pk=named.pk).update(release=other)
        ReleaseContent.objects.create(release=other, service=service, sha="c" * 40, by=ana)
        DeployOrder.objects.create(first=service, then=Service.objects.get(name="checkout"))
        Change.objects.create(
            id=stable_id("change", repository.key, "d"),
            repository=repository,
            sha=f"{number:040}",
            release=other,
            event=InboundEvent.objects.first(),
        )
    releases = list(Release.objects.all())
    with django_assert_max_num_queries(12):
        assert len(contents_of(releases)) == 13


def test_contents_of_no_release_are_none(django_assert_num_queries: Any, db: None) -> None:
    with django_assert_num_queries(0):
        assert contents_of([]) == {}
