"""What many releases ship is what each of them ships, whatever else there is."""

import random
from datetime import timedelta
from typing import Any

import pytest

from portal.accounts.models import User
from portal.kernel.stable_ids import stable_id
from releases.artifacts.models import Artifact
from releases.contents.models import DeployOrder, ReleaseContent, SchemaNaming, SchemaPatterns
from releases.contents.queries import Contents, contents_of
from releases.inbox.models import InboundEvent, Source
from releases.pipelines.models import Change, Mainline, Repository, RepositoryPart, StoryLink, Tag
from releases.planning.models import Release
from squads.models import Evidence, Service, Squad, Story
from squads.stories.actions import create_story
from tests.releases.contents.conftest import ASKED
from tests.releases.evidence.conftest import T0

PATHS = ("db/1.sql", "part-0/db/2.sql", "part-1/app.py", "README")


class Company:
    """A company made by chance: repositories, some with several services; releases; and what is known of them."""

    def __init__(self, chance: random.Random, squad: Squad, person: User) -> None:
        self.chance, self.squad, self.person = chance, squad, person
        source = Source.objects.create(key="git", name="git", kind="git")
        self.event = InboundEvent.objects.create(source=source, delivery="1", body=b"", received_at=T0)
        self.services = [
            Service.objects.create(name=f"s{number}", slug=f"s{number}", squad=chance.choice([None, squad]))
            for number in range(6)
        ]
        self.repositories = [self.repository(number) for number in range(5)]
        self.releases = [Release.objects.create(version=str(number), slug=str(number)) for number in range(5)]
        self.stories = [create_story(squad, by=person, title="Work") for _ in range(8)]
        for story in self.stories:
            Story.objects.filter(pk=story.pk).update(release=chance.choice([None, *self.releases]))
        for number in range(30):
            self.change(number)
        for release in self.releases:
            self.say(release)
        SchemaPatterns.objects.create(service=chance.choice([None, *self.services]), patterns=["db/*"], asked=ASKED)
        for first, then in chance.sample([(a, b) for a in self.services for b in self.services if a.pk < b.pk], 4):
            DeployOrder.objects.create(first=first, then=then)

    def repository(self, number: int) -> Repository:
        owner = self.chance.choice([None, *self.services])
        made = Repository.objects.create(key=f"shop/r{number}", service=owner)
        for place in range(self.chance.choice([0, 0, 2])):
            service = self.chance.choice(self.services)
            RepositoryPart.objects.create(repository=made, prefix=f"part-{place}", service=service)
        if self.chance.random() < 0.6:
            Mainline.objects.create(repository=made, head=f"{number:040}", seen_at=T0, event=self.event)
        return made

    def change(self, number: int) -> None:
        chance, repository = self.chance, self.chance.choice(self.repositories)
        paths = chance.sample(PATHS, chance.randint(0, 3))
        change = Change.objects.create(
            id=stable_id("change", repository.key, f"{number:040}"),
            repository=repository,
            sha=f"{number:040}",
            release=chance.choice([None, None, *self.releases]),
            is_merge=chance.random() < 0.2,
            landed=chance.choice([None, number, number]),
            merged_at=chance.choice([None, T0 + timedelta(hours=number)]),
            told_paths=paths,
            files=[each for each in paths if each.endswith("sql")],
            files_asked=chance.choice([0, ASKED]),
            schema_kind=chance.choice(["", "expand"]),
            event=self.event,
        )
        for path in paths[: chance.randint(0, 1)]:
            SchemaNaming.objects.create(change=change, path=path, kind="contract", by=self.person)
        if chance.random() < 0.7:
            self.link(change)
        for _ in range(chance.randint(0, 2)):
            purl = f"pkg:oci/{chance.choice('ab')}@sha256%3A{chance.randint(1, 3):064}?n={number}"
            known = {"id": stable_id("artifact", purl), "sha": change.sha, "repository": repository}
            Artifact.objects.get_or_create(purl=purl, defaults=known)

    def link(self, change: Change) -> None:
        story = self.chance.choice(self.stories)
        StoryLink.objects.create(change=change, key=story.key, story=story, rule="message")
        for kind, likely in (("change", 0.9), ("revert", 0.2)):
            if self.chance.random() < likely:
                Evidence.objects.create(
                    story=story,
                    kind=kind,
                    verdict="success",
                    at=T0 + timedelta(minutes=kind == "revert"),
                    service=self.chance.choice(self.services).name,
                    shas=[change.sha],
                    detail=self.chance.choice(["reverted", "lost", "restored"]) if kind == "revert" else "message",
                )

    def say(self, release: Release) -> None:
        chance = self.chance
        for number in range(chance.randint(0, 2)):
            repository = chance.choice(self.repositories)
            Tag.objects.create(
                id=stable_id("tag", repository.key, release.version, number),
                repository=repository,
                name=f"v{release.version}-{number}",
                sha=f"{chance.randint(0, 29):040}",
                tagged_at=T0,
                release=release,
            )
        for service in chance.sample(self.services, chance.randint(0, 2)):
            sha, purl = chance.choice([("a" * 40, ""), ("", f"pkg:oci/x@sha256:{'1' * 64}"), ("", "")])
            ReleaseContent.objects.create(
                release=release, service=service, sha=sha, purl=purl, configuration="1", by=self.person
            )


@pytest.mark.parametrize("seed", range(12))
def test_contents_of_many_are_those_of_each(seed: int, payments: Squad, ana: User) -> None:
    company = Company(random.Random(seed), payments, ana)
    releases = list(company.releases)
    alone: dict[Any, Contents] = {each.pk: contents_of([each])[each.pk] for each in releases}
    assert contents_of(releases) == alone
    random.Random(seed + 1).shuffle(releases)
    assert contents_of(releases) == alone
    assert any(each.services for each in alone.values())
    for contents in alone.values():
        for service in contents.services:
            assert service.why or service.sha
            assert service.digest == "" or service.purl
