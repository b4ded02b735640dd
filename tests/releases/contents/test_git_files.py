"""Files of the schema are found in real git: in commits, merges and squashes, and again when there are more patterns."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from portal.kernel import outbox
from releases.contents.queries import contents_of
from releases.inbox.models import InboundEvent, Source
from releases.pipelines.models import Change, Repository
from releases.planning.models import Release
from releases.providers import schema_files
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.reading.actions import drain_inbox, rebuild
from squads.models import Service, Story
from tests.releases.conftest import Repo
from tests.releases.contents.conftest import ASKED, put


def write(repo: Repo, *paths: str) -> None:
    for path in paths:
        file = repo.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{path} {repo.seconds}")
    repo.run("add", ".")


@pytest.fixture
def shop(repo: Repo, checkout: Service, story: Story) -> Source:
    """A repository whose story touched a migration and a protocol."""
    write(repo, "README", "app/migrations/__init__.py")
    repo.commit("First")
    write(repo, "app/migrations/0001_pay.py", "proto/pay.proto", "app/pay.py")
    repo.commit(f"{story.key} pay\n\nSchema-Change: expand")
    repository = Repository.objects.create(key="shop/checkout", service=checkout)
    return Source.objects.create(
        key="shop", name="shop", kind="git", config={"url": str(repo.path)}, repository=repository
    )


def pull(source: Source) -> None:
    lease = leases.lease_now(source)
    assert lease is not None and pulling.pull_source(source.pk, lease) is not None, Source.objects.get().last_error
    while outbox.deliver() + drain_inbox():
        pass


def found(release: Release) -> tuple[list[tuple[str, str]], int]:
    """The files of the schema in the release's one service, with what they are called; and how many changes are unknown."""
    (service,) = contents_of([release])[release.pk].services
    return [(each.path, each.kind) for each in service.schema_changes], service.schema_unknown


def test_git_tells_the_files_and_a_rebuild_finds_the_same(shop: Source, release: Release) -> None:
    pull(shop)
    assert found(release) == ([("app/migrations/0001_pay.py", "expand")], 0)
    before = sorted(str(row) for row in Change.objects.values("sha", "files", "files_asked", "schema_kind"))
    rebuild()
    assert before == sorted(str(row) for row in Change.objects.values("sha", "files", "files_asked", "schema_kind"))
    assert found(release) == ([("app/migrations/0001_pay.py", "expand")], 0)


def test_a_new_pattern_is_asked_about_the_whole_history_once(
    shop: Source, release: Release, as_pam: Client, repo: Repo
) -> None:
    pull(shop)
    patches = dict(Change.objects.values_list("sha", "patch"))
    put(as_pam, "/api/v1/services/checkout/schema-patterns/", {"patterns": ["**/migrations/*.py", "proto/**"]})
    # The initial file of the package is one as well, now that no pattern excludes it.
    assert found(release) == ([("app/migrations/0001_pay.py", "expand")], 1)
    write(repo, "README")
    repo.commit("More")
    pull(shop)
    both = [("app/migrations/0001_pay.py", "expand"), ("proto/pay.proto", "expand")]
    assert found(release) == (both, 0)
    assert set(Change.objects.values_list("files_asked", flat=True)) == {ASKED + 1}
    # What commits change was read before, and of the new commit now.
    now = dict(Change.objects.values_list("sha", "patch"))
    assert patches.items() <= now.items() and all(now.values())
    events = InboundEvent.objects.count()
    pull(shop)
    assert InboundEvent.objects.count() == events
    rebuild()
    assert found(release) == (both, 0)


def test_a_merge_counts_for_what_no_other_change_of_the_release_touches(
    shop: Source, release: Release, story: Story, repo: Repo
) -> None:
    repo.switch("topic", "HEAD")
    write(repo, "db/1.sql")
    repo.commit("without a key")
    repo.switch("main")
    repo.merge("topic", f"Merge {story.key}")
    repo.switch("other", "HEAD")
    write(repo, "db/2.sql")
    sha = repo.commit(f"{story.key} with a key")
    repo.switch("main")
    repo.merge("other", f"Merge {story.key} again")
    pull(shop)
    paths, unknown = found(release)
    assert [path for path, _ in paths] == ["app/migrations/0001_pay.py", "db/1.sql", "db/2.sql"] and unknown == 0
    (service,) = contents_of([release])[release.pk].services
    assert [each.sha for each in service.schema_changes if each.path == "db/2.sql"] == [sha]


def test_a_squash_has_the_files_of_what_it_squashed(shop: Source, release: Release, story: Story, repo: Repo) -> None:
    repo.switch("topic", "HEAD")
    for name in ("db/1.sql", "db/2.sql"):
        write(repo, name)
        repo.commit("step")
    repo.switch("main")
    repo.run("merge", "--quiet", "--squash", "topic")
    repo.commit(f"{story.key} squashed")
    pull(shop)
    paths, _ = found(release)
    assert [path for path, _ in paths] == ["app/migrations/0001_pay.py", "db/1.sql", "db/2.sql"]


def test_without_contents_and_folders_files_are_unknown_and_no_trees_are_fetched(
    shop: Source, release: Release, settings: Settings
) -> None:
    settings.RODEO_GIT_CONTENTS = False
    pull(shop)
    assert found(release) == ([], 1)


def test_a_commit_with_very_many_files_is_unknown(
    shop: Source, release: Release, story: Story, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("releases.providers.git.commit_files.MOST_FILES", 2)
    write(repo, "db/1.sql", "db/2.sql", "db/3.sql")
    repo.commit(f"{story.key} all")
    pull(shop)
    assert found(release) == ([("app/migrations/0001_pay.py", "expand")], 1)


def test_files_of_a_part_are_schema_changes_of_its_service(
    shop: Source, release: Release, story: Story, repo: Repo, as_pam: Client
) -> None:
    write(repo, "services/mail/db/1.sql", "db/2.sql")
    repo.commit(f"{story.key} both")
    as_pam.post(
        "/sources/mapping/parts/new/", {"repository": "shop/checkout", "folder": "services/mail", "service": "mail"}
    )
    pull(shop)
    services = contents_of([release])[release.pk].services
    assert {each.name: [row.path for row in each.schema_changes] for each in services} == {
        "checkout": ["app/migrations/0001_pay.py", "db/2.sql"],
        "mail": ["services/mail/db/1.sql"],
    }


# Patterns


@pytest.mark.parametrize(
    ("path", "is_schema"),
    [
        ("shop/migrations/0001_initial.py", True),
        ("migrations/0001_initial.py", True),
        ("shop/migrations/__init__.py", False),
        ("db/migrate/20260101_add.rb", True),
        ("src/main/resources/db/migration/V1__a.sql", True),
        ("src/main/java/db/migration/V1__A.java", True),
        ("db/changelog/db.changelog-master.yaml", True),
        ("alembic/versions/1a2b.py", True),
        ("prisma/schema.prisma", True),
        ("prisma/migrations/20260101_init/migration.sql", True),
        ("SHOP/Migrations/0002.PY", True),
        ("shop/migration.py", False),
        ("docs/migrations.md", False),
    ],
)
def test_the_default_patterns_know_usual_tools(path: str, is_schema: bool) -> None:
    assert schema_files.matches(path, schema_files.DEFAULT) is is_schema


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("*.sql", "db/deep/1.sql", True),
        ("/*.sql", "db/1.sql", False),
        ("/*.sql", "1.sql", True),
        ("db/", "db/a/b", True),
        ("db/", "odb/a", False),
        ("db/*", "db/a/b", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("v?.sql", "v1.sql", True),
        ("v?.sql", "v12.sql", False),
        ("a+(b).sql", "a+(b).sql", True),
        ("größe.sql", "größe.sql", True),
    ],
)
def test_a_pattern_fits(pattern: str, path: str, fits: bool) -> None:
    assert schema_files.matches(path, (pattern,)) is fits
    assert schema_files.any_of([pattern])(path) is fits


def test_the_last_pattern_that_fits_decides() -> None:
    patterns = ("**/*.sql", "!test/**", "test/keep.sql")
    files = ["a.sql", "test/b.sql", "test/keep.sql"]
    assert schema_files.files_matching(files, patterns) == ["a.sql", "test/keep.sql"]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("a\n\nSchema-Change: expand", "expand"),
        ("a\n\nschema-change: CONTRACT\nSigned-off-by: x", "contract"),
        ("a\r\n\r\nSchema-Change: expand\r\n", "expand"),
        ("a\n\nSchema-Change: expand\nSchema-Change: contract", ""),
        ("Schema-Change: maybe", ""),
        ("> Schema-Change: expand", ""),
    ],
)
def test_a_trailer_names_a_schema_change(message: str, kind: str) -> None:
    assert schema_files.kind_said(message) == kind


def test_a_pattern_made_to_take_long_does_not(settings: Any) -> None:
    assert schema_files.matches("a/" * 500 + "c", ("**/" * 40 + "b",)) is False
