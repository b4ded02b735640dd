"""What the commit of a release lacks of what is planned, and what comes to production with it."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from releases.planning.models import Release
from squads.models import Service, Story
from tests.releases.contents.conftest import Told, only, put
from tests.releases.contents.test_contents import API
from tests.releases.evidence.conftest import sha_of


def lacking(release: Release) -> list[tuple[str, str, bool]]:
    return [(each.story, each.sha, each.is_known) for each in only(release).lacking]


def files(release: Release) -> list[str]:
    return [each.path for each in only(release).schema_changes]


def test_a_tag_before_a_planned_change_lacks_it_until_it_moves(history: Told, story: Story, release: Release) -> None:
    history.touch("first", "begin", 0)
    history.touch("later", f"{story.key} refund", 1, "first")
    history.look("later", **{"v1.0": ("first", 2)})
    assert lacking(release) == [(story.key, sha_of("later"), True)]
    history.look("later", **{"v1.0": ("later", 3)})
    assert lacking(release) == []


def test_of_a_chosen_commit_the_same_is_asked(
    history: Told, story: Story, release: Release, as_lea: Client, checkout: Service
) -> None:
    history.touch("first", "begin", 0)
    history.touch("later", f"{story.key} refund", 1, "first")
    history.look("later", **{"v1.0": ("later", 2)})
    chosen = put(as_lea, f"{API}checkout/", {"sha": sha_of("first")}).json()
    assert chosen["lacking"] == [{"story": story.key, "sha": sha_of("later"), "is_known": True}]
    # The tag is at another commit, so it doesn't name this one.
    assert chosen["tag"] == ""
    put(as_lea, f"{API}checkout/", {"sha": "c" * 40})
    assert lacking(release) == [(story.key, sha_of("later"), False)]


def test_a_cherry_pick_on_the_releases_branch_is_the_change_until_it_is_taken_back_there(
    history: Told, story: Story, release: Release
) -> None:
    history.touch("first", "begin", 0)
    main = history.touch("main", f"{story.key} refund", 1, "first")
    history.touch("pick", f"Refund\n\n(cherry picked from commit {main})", 2, "first")
    history.look("main", **{"v1.0": ("pick", 3)})
    assert (only(release).sha, lacking(release)) == (sha_of("pick"), [])
    history.touch("back", f'Revert "Refund"\n\nThis reverts commit {sha_of("pick")}.', 3, "pick")
    history.look("main", **{"v1.0": ("back", 4)})
    assert lacking(release) == [(story.key, main, True)]


def test_a_tag_after_a_revert_lacks_the_change_and_one_before_has_it(
    history: Told, story: Story, release: Release
) -> None:
    first = history.touch("first", f"{story.key} refund", 0)
    history.touch("back", f'Revert "{story.key} refund"\n\nThis reverts commit {first}.', 1, "first")
    history.look("back", **{"v1.0": ("first", 2)})
    assert lacking(release) == []
    history.look("back", **{"v1.0": ("back", 3)})
    assert lacking(release) == [(story.key, first, True)]


def test_schema_changes_are_those_of_all_that_production_lacks(history: Told, story: Story, release: Release) -> None:
    history.touch("old", "begin", 0, files=("db/0.sql",))
    history.touch("other", "for another release", 1, "old", files=("db/1.sql",))
    history.touch("own", f"{story.key} refund", 2, "other", files=("db/2.sql",))
    history.touch("next", "for the next release", 3, "own", files=("db/3.sql",))
    history.look("next", **{"v0.9": ("other", 1.5), "v1.0": ("own", 4)})
    assert files(release) == ["db/2.sql"]
    history.deploy("old", 5)
    assert files(release) == ["db/1.sql", "db/2.sql"]
    history.deploy("own", 6)
    assert files(release) == ["db/2.sql"]


def test_of_several_places_in_production_the_oldest_counts(history: Told, story: Story, release: Release) -> None:
    history.touch("old", "begin", 0)
    history.touch("other", "more", 1, "old", files=("db/1.sql",))
    history.touch("own", f"{story.key} refund", 2, "other")
    history.look("own")
    history.deploy("other", 3)
    assert files(release) == []
    history.deploy("old", 3, environment="production-2")
    history.deploy("old", 3, environment="production eu")
    assert files(release) == ["db/1.sql"]


def test_a_merge_from_the_mainline_brings_nothing_to_it(history: Told, story: Story, release: Release) -> None:
    history.touch("root", "begin", 0)
    history.touch("old", "before", 1, "root", files=("db/0.sql",))
    history.touch("work", f"{story.key} refund", 2, "root")
    history.touch("sync", "Merge main into work", 3, "work", "old", files=("db/0.sql",))
    history.touch("merge", "Merge work", 4, "old", "sync")
    history.look("merge")
    history.deploy("old", 5)
    assert files(release) == []


def test_files_that_nobody_told_of_count_for_all_that_production_lacks(
    history: Told, story: Story, release: Release
) -> None:
    history.touch("old", "begin", 0)
    history.touch("other", "more", 1, "old", files=None)
    history.touch("own", f"{story.key} refund", 2, "other")
    history.look("own")
    assert only(release).schema_unknown == 0
    history.deploy("old", 3)
    assert only(release).schema_unknown == 1


@pytest.mark.parametrize("told", [{"commit": "d" * 40}, {"commit": None, "version": "0.9"}], ids=str)
def test_what_production_runs_may_not_be_known(
    history: Told, story: Story, release: Release, told: dict[str, str]
) -> None:
    history.touch("old", "begin", 0)
    history.touch("own", f"{story.key} refund", 1, "old")
    history.look("own")
    body = {"service": "checkout", "environment": "production", **{key: each for key, each in told.items() if each}}
    history.report("deployments", body, 2)
    assert only(release).production_unknown
    if "version" in told:
        history.look("own", **{"v0.9": ("old", 3)})
        assert not only(release).production_unknown


def test_what_takes_each_other_back_changes_no_schema(history: Told, story: Story, release: Release) -> None:
    history.touch("old", "begin", 0)
    history.touch("add", "Add it", 1, "old", files=("db/1.sql",), patch="a1", undoes="b1")
    history.touch("drop", "Not yet", 2, "add", files=("db/1.sql",), patch="b1", undoes="a1")
    history.touch("own", f"{story.key} refund", 3, "drop")
    history.look("own", **{"v0.9": ("drop", 2.5), "v1.0": ("own", 4)})
    history.deploy("old", 5)
    assert files(release) == []
    history.deploy("add", 6)
    # What production has is taken away.
    assert files(release) == ["db/1.sql"]


def test_histories_take_a_fixed_number_of_queries(
    history: Told, story: Story, release: Release, django_assert_max_num_queries: object
) -> None:
    history.touch("old", "begin", 0)
    history.touch("own", f"{story.key} refund", 1, "old", files=("db/1.sql",))
    history.look("own", **{"v1.0": ("own", 2)})
    history.deploy("old", 3)
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        assert files(release) == ["db/1.sql"]


def test_a_tag_beside_the_mainline_and_reverts_take_no_more_queries_for_more_changes(
    history: Told, story: Story, release: Release
) -> None:
    def count(first: int, last: int) -> int:
        for nth in range(first, last):
            message = f"{story.key} part {nth}"
            history.touch(f"c{nth}", message, nth, *([f"c{nth - 1}"] if nth else []))
        taken = sha_of(f"c{first}")
        back, tip = f"back{last}", f"tip{last}"
        history.touch(back, f'Revert "part"\n\nThis reverts commit {taken}.', last, f"c{last - 1}")
        history.touch(tip, "prepare the release", last + 1, f"c{last - 1}")
        history.look(back, **{"v1.0": (tip, last + 2)})
        with CaptureQueriesContext(connection) as queries:
            assert only(release).lacking == ()
        return len(queries)

    few = count(0, 3)
    assert count(3, 15) <= few <= 30
