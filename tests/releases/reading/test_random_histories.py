"""Histories with reverts, cherry-picks, rewritten commits, moved tags and removed environments: reading on equals a rebuild."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from releases.environments.actions import edit_environment
from releases.evidence.actions import derive
from releases.inbox.models import Source
from releases.mappings.actions import create_rule, remove_rule
from releases.mappings.models import MappingRule
from releases.models import Environment, Repository, RepositoryPart
from releases.monorepo.actions import add_part, remove_part
from releases.providers.git.records import CommitRecord
from releases.reading import reader
from squads.models import Squad, Story
from squads.teams.actions import create_service
from tests.releases.reading import test_order
from tests.releases.reading.test_late_news import FIRST, SEEDS, assert_a_rebuild_changes_nothing, put, ran, step
from tests.releases.reading.test_order import answers, checked, commits, event, everything, hour, look

pytestmark = pytest.mark.usefixtures("scene")
scene = test_order.scene


@dataclass
class Git:
    """A repository that people treat as people do."""

    r: random.Random
    main: list[CommitRecord] = field(default_factory=list)
    release: list[CommitRecord] = field(default_factory=list)
    tags: dict[str, tuple[str, float]] = field(default_factory=dict)
    fresh: list[CommitRecord] = field(default_factory=list)
    ever: list[str] = field(default_factory=list)
    at: float = 0

    def make(
        self, message: str, parents: tuple[str, ...], patch: str = "", undoes: str = "", **more: Any
    ) -> CommitRecord:
        """Make a commit, an hour after the one before."""
        self.at += 1
        sha = f"{self.r.getrandbits(160):040x}"
        seconds = int(hour(self.at).timestamp())
        values = {"authored": seconds, "author": "Ana", **more}
        record = CommitRecord(
            sha,
            parents,
            values["authored"],
            seconds,
            values["author"],
            "ana@example.org",
            message,
            ("web/a", "api/b")[: self.r.randrange(3)],
            2,
            patch or f"{self.r.getrandbits(160):040x}",
            undoes or f"{self.r.getrandbits(160):040x}",
        )
        self.fresh.append(record)
        self.ever.append(sha)
        return record

    def tip(self, line: list[CommitRecord]) -> tuple[str, ...]:
        """Return the parents of a new commit on a line."""
        return (line[-1].sha,) if line else ()

    def subject(self) -> str:
        """Return what somebody may write."""
        key = self.r.choice(["PAY-1", "PAY-2", "PAY-3", "PAY-4"])
        number = self.r.choice(["", "", f" (#{self.r.randrange(1, 9)})"])
        return self.r.choice([f"{key} work{number}", f"{key}: more{number}", f"Tidy up{number}"])

    def commit(self) -> None:
        """Go on with the mainline."""
        self.main.append(self.make(self.subject(), self.tip(self.main)))

    def merge(self) -> None:
        """Bring a branch of two commits to the mainline."""
        base = self.tip(self.main)
        one = self.make(self.subject(), base)
        two = self.make(self.subject(), (one.sha,))
        self.main.append(self.make(f"Merge pull request #{self.r.randrange(1, 9)} from shop/topic", (*base, two.sha)))

    def revert(self) -> None:
        """Take something back, by message, request, subject or contents alone, on either line."""
        line = self.r.choice([self.main, self.main, self.release or self.main])
        other = self.r.choice(line)
        subject = other.message.splitlines()[0]
        how = self.r.randrange(4)
        message = (
            f'Revert "{subject}"\n\nThis reverts commit {other.sha[: self.r.choice([40, 40, 9])]}.',
            f'Revert "{subject}"\n\nReverts shop/checkout#{self.r.randrange(1, 9)}',
            f'Revert "{subject}"',
            "Out again",
        )[how]
        undone = (other.undoes, other.patch) if how == 3 or self.r.random() < 0.5 else ("", "")
        line.append(self.make(message, self.tip(line), *undone))

    def pick(self) -> None:
        """Repeat a commit of the mainline on the release line, or the other way round."""
        source, target = self.r.choice([(self.main, self.release), (self.release or self.main, self.main)])
        other = self.r.choice(source)
        if not target:
            target.append(self.r.choice(source[: max(1, len(source) // 2)]))
        trailer = self.r.choice([f"\n\n(cherry picked from commit {other.sha})", ""])
        patch = (other.patch, other.undoes) if self.r.random() < 0.6 else ("", "")
        target.append(self.make(f"{other.message.splitlines()[0]}{trailer}", self.tip(target), *patch))

    def rewrite(self) -> None:
        """Force-push: the last commits go, and some of them come back as others."""
        gone = self.main[-self.r.randrange(1, 4) :]
        del self.main[-len(gone) :]
        if not self.main:
            self.main.append(gone.pop(0))
        for old in gone:
            if self.r.random() < 0.6:
                kept = {"authored": old.authored} if self.r.random() < 0.5 else {}
                message = self.r.choice([old.message, f"{old.message} amended"])
                self.main.append(self.make(message, self.tip(self.main), self.r.choice([old.patch, ""]), **kept))

    def tag(self) -> None:
        """Make a tag, move one, or delete one."""
        if self.tags and self.r.random() < 0.2:
            del self.tags[self.r.choice(sorted(self.tags))]
        line = self.r.choice([self.main, self.release or self.main])
        self.tags[f"v{self.r.randrange(4)}"] = (self.r.choice(line[-4:]).sha, self.at)

    def pulled(self) -> list[tuple[str, tuple[str, str, bytes]]]:
        """Return what a pull tells of now."""
        self.at += 0.1
        if self.release and not any(sha == self.release[-1].sha for sha, _ in self.tags.values()):
            self.tags["v9"] = (self.release[-1].sha, self.at)
        told = [("git", commits(*self.fresh))] if self.fresh else []
        self.fresh = []
        tags = [(name, sha, at) for name, (sha, at) in sorted(self.tags.items())]
        return [*told, ("git", look(self.at, self.main[-1].sha, *tags))]


def happened(git: Git, r: random.Random, number: int) -> list[tuple[str, tuple[str, str, bytes]]]:
    """Return what a company's other systems may say now."""
    sha = r.choice([*git.ever, f"{r.getrandbits(160):040x}"])
    sha = sha[: r.choice([40, 40, 40, 9])]
    at, where = git.at + r.random(), r.choice(["production", "production", "staging", "prod-us"])
    return r.choice(
        [
            lambda: [("ci", put(at, where, commit=sha))],
            lambda: [("ci", put(at, where, commit=git.main[-1].sha))],
            lambda: [("ci", put(at, where, version=r.choice(["v1", "2", "v3"])))],
            lambda: [("ci", ran(at, f"r{number}", r.choice(["success", "success", "failure"]), commit=sha))],
            lambda: [("ci", ran(at, f"r{number}", commit=git.main[-1].sha))],
            lambda: [("ci", checked(at, r.choice(["PAY-1", "PAY-2", "PAY-3"]), r.choice(["pass", "fail"]), where))],
            lambda: [("ci", event(r.choice(["environment.deleted", "environment.created"]), at, where, {}))],
            lambda: [
                (
                    "ci",
                    event(
                        "change.merged",
                        at,
                        r.choice(git.ever),
                        {"repository": {"id": "shop/checkout"}},
                        message=f"{git.subject()}\n\nReverts shop/checkout#{r.randrange(1, 9)}",
                    ),
                )
            ],
        ]
    )()


def decided(r: random.Random, ana: Any) -> None:
    """Do what people may decide meanwhile: tiers, mapping rules, monorepo paths, and what tags deploy to."""
    deed = r.randrange(5)
    places, rules, parts = Environment.objects.order_by("pk"), MappingRule.objects.all(), RepositoryPart.objects.all()
    if deed == 0 and places:
        edit_environment(r.choice(list(places)), by=ana, tier=r.choice(["production", "staging", "other"]))
    elif deed == 1 and rules:
        remove_rule(rules[0], by=ana)
    elif deed == 1:
        create_rule(by=ana, kind="environment", pattern="prod-us", environment=r.choice(["production", "staging"]))
    elif deed == 2 and parts:
        remove_part(parts[0], by=ana)
    elif deed == 2:
        add_part(Repository.objects.get(key="shop/checkout"), r.choice(["web", "api"]), "basket", by=ana)
    else:
        source = Source.objects.get(key="git")
        source.config = {**source.config, "deploys_to": r.choice(["", "production"])}
        source.save(update_fields=["config"])


def read_a_few_at_once(r: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """End each batch after as many events as time may leave on a machine that is now quick, now slow."""
    in_time = reader._while_time_lasts
    monkeypatch.setattr(reader, "BATCH_SECONDS", 60)
    monkeypatch.setattr(reader, "_while_time_lasts", lambda ids: in_time(list(ids)[: r.choice([1, 1, 2, 3, 5, 50])]))


def assert_each_story_alone_is_judged_alike() -> None:
    """What a story is derived together with is chance: it decides nothing."""
    rows, said = everything(), answers()
    for story in Story.objects.order_by("-key"):
        derive([story.pk])
    assert answers() == said
    assert everything() == rows


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_however_commits_are_treated_a_rebuild_changes_nothing(
    seed: int, payments: Squad, ana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    r = random.Random(seed)
    read_a_few_at_once(random.Random(seed), monkeypatch)
    ana.is_superuser = ana.is_project_manager = True
    create_service(by=ana, squad=payments, name="basket")
    git = Git(r)
    git.commit()
    git.commit()
    for number in range(9):
        for _ in range(r.choice([1, 1, 2, 3])):
            r.choice([git.commit, git.commit, git.merge, git.revert, git.revert, git.pick, git.rewrite, git.tag])()
        said = git.pulled() if r.random() < 0.7 else []
        for _ in range(r.randrange(3)):
            said += happened(git, r, number)
        r.shuffle(said)
        step(*said)
        if r.random() < 0.3:
            decided(r, ana)
            step()
    step(*git.pulled())
    assert_a_rebuild_changes_nothing()
    assert_each_story_alone_is_judged_alike()
