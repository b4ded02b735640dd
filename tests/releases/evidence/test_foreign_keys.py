"""A story that was brought in keeps the key it had: it is found, asked, linked and checked by it, and nobody else is."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from portal.accounts.models import User
from portal.kernel.tasks import drain
from releases.models import AcceptanceRun, Source, StoryLink
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.reading.actions import drain_inbox, rebuild
from releases.sources import connect_git
from squads.models import Evidence, Squad, Story, StoryAlias
from squads.stories.actions import create_story
from tests.releases.conftest import Repo

JIRA = "Summary,Issue key,Issue id,Issue Type,Status\n"


def bring(client: Client, squad: str, *keys: str, **options: Any) -> dict[str, Any]:
    """Bring in a table of Jira with these keys over the API, and return the report."""
    rows = "".join(f"Story {key},{key},{number},Story,Done\n" for number, key in enumerate(keys))
    return bring_file(client, squad, JIRA + rows, **options)


def bring_file(client: Client, squad: str, body: str, **options: Any) -> dict[str, Any]:
    address = f"/api/v1/squads/{squad}/imports/"
    answer = client.post(address, {"file": SimpleUploadedFile("jira.csv", body.encode())})
    assert answer.status_code == 201, answer.content
    done = client.post(f"{address}{answer.json()['id']}/run/", options, content_type="application/json")
    assert done.status_code == 200, done.content
    drain()
    return dict(done.json())


def read(repo: Repo, squad: Squad) -> Source:
    """Connect a repository, and read it."""
    source = connect_git.connect_git(by=None, url=str(repo.path), service="checkout", squad=squad)[0]
    pull(source)
    return source


def pull(source: Source) -> None:
    lease = leases.lease_now(source)
    assert lease is not None
    assert pulling.pull_source(source.pk, lease) is not None
    drain_inbox()


def links() -> dict[str, str | None]:
    """The story that each key named in a commit is linked to, by what that story was called where it came from."""
    return dict(StoryLink.objects.values_list("key", "story__title"))


def derived() -> dict[str, Any]:
    """Everything that follows from facts, and must be the same after a rebuild."""
    rows = Evidence.objects.order_by("pk").values_list("pk", "story__key", "kind", "verdict", "shas", "label")
    stages = Story.objects.order_by("pk").values_list("key", "stage", "standing")
    links = StoryLink.objects.order_by("pk").values_list("pk", "key", "story__key", "rule")
    return {"evidence": list(rows), "stories": list(stages), "links": list(links)}


# Which key a story has


def test_keys_with_the_squads_own_prefix_stay_and_numbers_go_on_beyond_them(as_ana: Client, ana: User) -> None:
    done = bring(as_ana, "payments", "PAY-1447", "PAY-1441", "PAY-1454")
    assert list(Story.objects.order_by("rank").values_list("key", "number", "external")) == [
        ("PAY-1447", 1447, "jira:PAY-1447"),
        ("PAY-1441", 1441, "jira:PAY-1441"),
        ("PAY-1454", 1454, "jira:PAY-1454"),
    ]
    assert done["notes"] == ["Keys kept: PAY-1447, PAY-1441, PAY-1454. New stories continue from PAY-1455."]
    assert create_story(Squad.objects.get(), by=ana, title="Next").key == "PAY-1455"
    assert not StoryAlias.objects.exists()


def test_numbers_of_rows_that_stay_out_and_of_what_commits_name_are_not_given_out_either(
    as_ana: Client, ana: User, payments: Squad, repo: Repo
) -> None:
    repo.commit("PAY-60: of a story that the file has not")
    read(repo, payments)
    bring_file(
        as_ana,
        "payments",
        JIRA + "One,PAY-5,1,Story,Done\nTwo,PAY-40,2,Story,Won't do\n,PAY-50,3,Story,Done\n",
        leave_out=True,
    )
    assert create_story(payments, by=ana, title="Next").key == "PAY-61"
    assert links() == {"PAY-60": None}


def test_another_prefix_gives_new_keys_and_the_old_ones_lead_to_them(as_ana: Client) -> None:
    done = bring(as_ana, "payments", "RES-7", "RES-3")
    assert list(Story.objects.order_by("rank").values_list("key", "aliases__key")) == [
        ("PAY-1", "RES-7"),
        ("PAY-2", "RES-3"),
    ]
    assert done["notes"] == ["New keys for RES-7, RES-3. The old keys keep working."]


def test_a_squad_that_gets_the_prefix_later_never_gives_out_the_origins_numbers(as_ana: Client, ana: User) -> None:
    bring(as_ana, "payments", "RES-7", "RES-3")
    squad = Squad.objects.create(name="Resilience", slug="resilience", key_prefix="RES")
    assert create_story(squad, by=ana, title="Ours").key == "RES-8"
    assert create_story(squad, by=ana, title="Ours").key == "RES-9"


def test_a_squad_that_has_the_prefix_goes_on_beyond_the_origins_numbers(
    as_ana: Client, bo: User, search: Squad
) -> None:
    bring_file(as_ana, "payments", JIRA + "One,SEA-9,1,Story,Done\nTwo,SEA-12,2,Story,Duplicate\n")
    assert create_story(search, by=bo, title="Ours").key == "SEA-13"


def test_repeating_an_import_changes_nothing_whatever_the_table_is_called(as_ana: Client) -> None:
    bring(as_ana, "payments", "PAY-9", "RES-3")
    again = bring(as_ana, "payments", "PAY-9", "RES-3")
    assert again["counts"] == {"created": 0, "updated": 0, "unchanged": 2, "refused": 0, "left_out": 0}
    plain = bring_file(as_ana, "payments", "Key,Title,Status\nPAY-9,Story PAY-9,Done\nRES-3,Story RES-3,Done\n")
    assert plain["counts"]["unchanged"] == 2
    assert (Story.objects.count(), StoryAlias.objects.count()) == (2, 1)


def test_a_story_that_was_handed_over_does_not_come_again(as_root: Client, payments: Squad, search: Squad) -> None:
    bring(as_root, "payments", "PAY-9", "RES-3")
    for key in ("PAY-9", "RES-3"):
        moved = as_root.post(f"/api/v1/stories/{key}/squad/", {"squad": "search"}, content_type="application/json")
        assert moved.status_code in (200, 201), moved.content
    again = bring_file(
        as_root, "payments", f"{JIRA}Nine,PAY-9,1,Story,Done\nThree,RES-3,2,Story,Done\nTen,PAY-30,3,Story,Done\n"
    )
    assert (again["counts"]["created"], again["counts"]["left_out"]) == (1, 2)
    assert "Skipped, because they moved to another squad: SEA-1, SEA-2." in again["notes"]
    assert Story.objects.named(["PAY-9", "RES-3", "PAY-30"]).keys() == {"PAY-9", "RES-3", "PAY-30"}


def test_stories_that_were_brought_in_before_are_called_by_their_keys_after_the_upgrade(
    payments: Squad, repo: Repo
) -> None:
    repo.commit("RES-3, and PAY-1 of elsewhere")
    for number, external in enumerate(("jira:RES-3", "csv:pay-1", "csv:7", "github:shop/checkout#7"), 11):
        Story.objects.create(
            squad=payments, number=number, key=f"PAY-{number}", rank=number, title=external, external=external
        )
    read(repo, payments)
    import_module("squads.migrations.0011_story_aliases").fill(apps, None)
    drain()
    assert list(StoryAlias.objects.order_by("key").values_list("key", "story__key")) == [
        ("PAY-1", "PAY-12"),
        ("RES-3", "PAY-11"),
    ]
    assert links() == {"RES-3": "jira:RES-3", "PAY-1": "csv:pay-1"}


# Who is found by it


@pytest.mark.parametrize("typed", ["RES-3", "res-3"])
def test_every_address_that_takes_a_key_takes_the_one_from_elsewhere(as_ana: Client, typed: str) -> None:
    bring(as_ana, "payments", "RES-3")
    told = as_ana.get(f"/is/{typed}?format=json").json()
    assert (told["key"], told["elsewhere"]) == ("PAY-1", "RES-3")
    assert "is <a" in as_ana.get(f"/is/{typed}?format=html").content.decode()
    assert as_ana.get(f"/stories/{typed}/")["Location"] == "/stories/PAY-1/"
    for page in ("history", "changes", "edit", "comments"):
        assert "PAY-1" in as_ana.get(f"/stories/{typed}/{page}/").content.decode()
    for part in ("", "answer/", "evidence/", "changes/", "comments/", "relations/"):
        assert as_ana.get(f"/api/v1/stories/{typed}/{part}").status_code in (200, 405)
    assert as_ana.get(f"/api/v1/stories/{typed}/").json()["elsewhere"] == "RES-3"
    moved = as_ana.post(f"/api/v1/stories/{typed}/progress/", {"to": "todo"}, content_type="application/json")
    assert moved.json()["key"] == "PAY-1"


def test_the_key_from_elsewhere_is_shown_and_searched_for(as_ana: Client) -> None:
    bring(as_ana, "payments", "RES-3")
    assert "From <span" in as_ana.get("/stories/PAY-1/").content.decode()
    for address in ("/stories/", "/stories/?q=res-3", "/squads/payments/board/", "/squads/payments/board/?q=RES-3"):
        assert "RES-3</span>" in as_ana.get(address).content.decode(), address
    assert [each["key"] for each in as_ana.get("/api/v1/stories/?text=RES").json()["results"]] == ["PAY-1"]
    found = as_ana.get("/api/v1/search/?q=RES-3").json()["results"]
    assert [each["key"] for each in found] == ["PAY-1"]


def test_text_that_names_the_key_links_to_the_story(as_ana: Client) -> None:
    bring(as_ana, "payments", "RES-3")
    as_ana.post("/api/v1/stories/PAY-1/comments/", {"body": "As RES-3 said."}, content_type="application/json")
    assert '<a href="/stories/RES-3/"' in as_ana.get("/stories/PAY-1/").content.decode()


# What links to it


def test_commits_link_to_the_story_that_had_the_key_whatever_came_first(
    as_ana: Client, payments: Squad, repo: Repo
) -> None:
    repo.commit("PAY-1441 early")
    source = read(repo, payments)
    bring(as_ana, "payments", "PAY-7", "PAY-1441", "RES-12")
    repo.commit("PAY-7 late, and RES-12")
    repo.commit("PAY-1 of nobody here")
    pull(source)
    assert links() == {
        "PAY-1441": "Story PAY-1441",
        "PAY-7": "Story PAY-7",
        "RES-12": "Story RES-12",
        "PAY-1": None,
    }
    before = derived()
    rebuild()
    assert derived() == before


def test_a_longer_key_is_not_read_as_a_shorter_one_of_a_squad(
    as_ana: Client, payments: Squad, ana: User, repo: Repo
) -> None:
    create_story(payments, by=ana, title="Ours")
    bring(as_ana, "payments", "MY_PAY-1")
    repo.commit("MY_PAY-1 of elsewhere")
    read(repo, payments)
    assert links() == {"MY_PAY-1": "Story MY_PAY-1"}


def test_five_hundred_stories_named_in_commits_all_link_to_themselves(
    as_ana: Client, payments: Squad, repo: Repo
) -> None:
    own, foreign = [f"PAY-{number}" for number in range(3, 1598, 6)], [f"RES-{number}" for number in range(1, 1594, 6)]
    keys = [key for pair in zip(own, foreign, strict=False) for key in pair]
    assert len(keys) == 532
    for start in range(0, len(keys), 19):
        repo.commit(" ".join(["Work on", *keys[start : start + 19]]))
    source = read(repo, payments)
    bring(as_ana, "payments", *keys[:300])
    bring(as_ana, "payments", *keys[300:])
    pull(source)
    assert links() == {key: f"Story {key}" for key in keys}
    again = bring(as_ana, "payments", *keys)
    assert again["counts"]["unchanged"] == 532
    assert links() == {key: f"Story {key}" for key in keys}


def test_a_change_that_names_a_story_by_two_keys_belongs_to_it_once(
    as_ana: Client, payments: Squad, repo: Repo
) -> None:
    bring(as_ana, "payments", "RES-3")
    sha = repo.commit("PAY-1 is RES-3")
    read(repo, payments)
    assert [each.shas for each in Evidence.objects.filter(kind="change")] == [[sha]]
    change = StoryLink.objects.all()[0].change_id
    as_ana.post(f"/stories/PAY-1/changes/{change}/unlink/")
    drain()
    assert not Evidence.objects.filter(kind="change").exists()
    as_ana.post("/stories/RES-3/changes/link/", {"sha": sha})
    drain()
    assert StoryLink.objects.filter(refused=False).count() == 1
    before = derived()
    rebuild()
    assert derived() == before


def test_a_check_that_names_the_key_is_a_check_of_the_story(
    as_ana: Client, scripts: Source, send: Callable[..., Any]
) -> None:
    bring(as_ana, "payments", "RES-3")
    check = {"environment": "staging", "outcome": "passed", "finished_at": "2026-03-02T10:00:00Z"}
    told = send("/api/v1/acceptance-runs/", {**check, "story": "RES-3"}).json()
    assert not any("RES-3" in note for note in told.get("notes", ()))
    drain_inbox()
    assert Evidence.objects.get(kind="test").story.key == "PAY-1"
    for key in ("RES-3", "PAY-1"):
        assert as_ana.get(f"/api/v1/acceptance-runs/?story={key}").json()["results"][0]["story"] == "RES-3"
    before = derived()
    rebuild()
    assert derived() == before


def test_a_check_that_came_before_the_import_is_found(
    as_ana: Client, scripts: Source, send: Callable[..., Any]
) -> None:
    check = {"environment": "staging", "outcome": "passed", "finished_at": "2026-03-02T10:00:00Z", "story": "RES-3"}
    send("/api/v1/acceptance-runs/", check)
    drain_inbox()
    assert AcceptanceRun.objects.get().story_key == "RES-3"
    bring(as_ana, "payments", "RES-3")
    assert Evidence.objects.get(kind="test").story.key == "PAY-1"


# Keys that two stories have


def test_a_key_that_two_squads_brought_in_means_neither_and_says_so(
    as_root: Client, payments: Squad, search: Squad, repo: Repo
) -> None:
    repo.commit("RES-3 work")
    read(repo, payments)
    bring(as_root, "payments", "RES-3")
    assert links() == {"RES-3": "Story RES-3"}
    assert Evidence.objects.count() == 1
    done = bring(as_root, "search", "RES-3")
    said = (
        "Several stories would share these keys, so commits that mention them are linked to none: RES-3 (also PAY-1)."
    )
    assert said in done["notes"]
    assert links() == {"RES-3": None}
    assert not Evidence.objects.exists()
    told = as_root.get("/is/RES-3?format=json")
    assert told.status_code == 404
    assert told.json()["answer"] == ("RES-3 could mean PAY-1 or SEA-1. Ask for one of them.")
    assert "RES-3 is also a key of SEA-1" in as_root.get("/stories/PAY-1/").content.decode()
    before = derived()
    rebuild()
    assert derived() == before


def test_a_copy_takes_nothing_from_the_story_that_kept_its_key(
    as_root: Client, payments: Squad, search: Squad, repo: Repo
) -> None:
    repo.commit("PAY-9 work")
    read(repo, payments)
    bring(as_root, "payments", "PAY-9")
    done = bring(as_root, "search", "PAY-9")
    assert "Already used here: PAY-9. Changes that mention it are linked to the existing story." in done["notes"]
    assert StoryLink.objects.get().story == Story.objects.get(key="PAY-9")
    assert "Changes that mention PAY-9 are linked to PAY-9" in as_root.get("/stories/SEA-1/").content.decode()
    assert "which had that key before" not in as_root.get("/stories/PAY-9/").content.decode()
    assert as_root.get("/is/PAY-7").content.decode() == "There’s no story PAY-7. Payments has stories up to PAY-9.\n"
    before = derived()
    rebuild()
    assert derived() == before


def test_a_story_that_is_here_and_one_from_elsewhere_with_its_key_share_no_commits(
    as_ana: Client, ana: User, payments: Squad, repo: Repo
) -> None:
    create_story(payments, by=ana, title="Ours")
    repo.commit("PAY-1 of either")
    read(repo, payments)
    assert links() == {"PAY-1": "Ours"}
    bring(as_ana, "payments", "PAY-1", "PAY-2")
    assert dict(Story.objects.values_list("title", "key")) == {
        "Ours": "PAY-1",
        "Story PAY-1": "PAY-3",
        "Story PAY-2": "PAY-2",
    }
    assert links() == {"PAY-1": None}
    assert as_ana.get("/is/PAY-1?format=json").json()["title"] == "Ours"
    before = derived()
    rebuild()
    assert derived() == before


def test_an_export_copied_to_another_squad_takes_no_key_from_the_first(
    as_root: Client, payments: Squad, search: Squad, root: User
) -> None:
    create_story(payments, by=root, title="Ours")
    export = b"".join(as_root.get("/stories/export.csv").streaming_content).decode()  # type: ignore[attr-defined]
    bring_file(as_root, "search", export)
    assert dict(Story.objects.values_list("key", "title")) == {"PAY-1": "Ours", "SEA-1": "Ours"}
    assert Story.objects.named(["PAY-1"]) == {"PAY-1": Story.objects.get(key="PAY-1").pk}
