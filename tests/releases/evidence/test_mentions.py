"""Which keys ask for a change and which only mention a story: by whom and where they were written, and who may."""

import json
import random
from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.kernel import outbox
from releases.bots import actions as bots
from releases.inbox.models import InboundEvent, Source
from releases.models import BotRule, Change, Repository, StoryLink
from releases.providers.github.fields import slim
from releases.providers.signatures import sign
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.reading.actions import drain_inbox
from releases.reading.actions import rebuild as rebuild_all
from squads.models import Evidence, Service, Squad, Story
from squads.stories.actions import create_story
from squads.teams.actions import edit_service, edit_squad
from tests.releases.conftest import Repo

SECRET = "between-us"
PLACE = {"full_name": "shop/checkout", "html_url": "https://github.com/shop/checkout", "default_branch": "main"}
AT = "2026-03-02T09:00:00Z"
DEPENDABOT = {"login": "dependabot[bot]", "type": "Bot"}
NOTES = "Bumps left-pad.\n<details>\n<summary>Release notes</summary>\n- PAY-1: upstream change, fixes PAY-1\n</details>\n- PAY-1"


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Refunds")


@pytest.fixture
def repository(checkout: Service) -> Repository:
    """A repository of Payments."""
    return Repository.objects.create(key="github.com/shop/checkout", service=checkout)


@pytest.fixture
def github(db: None) -> Source:
    return Source.objects.create(key="github", name="GitHub", kind="github", secret=SECRET)


def work() -> None:
    while drain_inbox() + outbox.deliver():
        pass
    assert not InboundEvent.objects.exclude(state="processed").exists()


def send(kind: str, body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    delivery = str(InboundEvent.objects.count())
    headers: Any = {"X-GitHub-Event": kind, "X-GitHub-Delivery": delivery, "X-Hub-Signature-256": sign(raw, SECRET)}
    assert Client().post("/hooks/github/", raw, content_type="application/json", headers=headers).status_code == 202
    work()


def request(
    *,
    title: str = "Round",
    body: str = "",
    branch: str = "work",
    user: Any = None,
    place: Any = PLACE,
    sha: str = "a" * 40,
) -> None:
    """Have a pull request come that was merged."""
    send(
        "pull_request",
        {
            "action": "closed",
            "repository": place,
            "pull_request": {
                "number": 9,
                "title": title,
                "body": body,
                "state": "closed",
                "merged_at": AT,
                "merge_commit_sha": sha,
                "user": user or {"login": "ana", "type": "User"},
                "head": {"ref": branch},
                "base": {"ref": "main"},
                "html_url": f"{place['html_url']}/pull/9",
            },
        },
    )


def push(message: str, *, name: str = "Ana", username: str = "ana", sha: str = "a" * 40) -> None:
    """Have a commit come that was pushed to the mainline."""
    commit = {"id": sha, "message": message, "timestamp": AT, "author": {"name": name, "username": username}}
    send("push", {"ref": "refs/heads/main", "commits": [commit], "repository": {**PLACE, "pushed_at": 1772442000}})


def link() -> tuple[str, str] | None:
    """Return rule and mention of the one link to PAY-1 after a rebuild, having seen that it is what it was before."""
    rows = StoryLink.objects.order_by("change", "key")
    columns = ("change", "key", "rule", "mention", "git_named", "told_named", "story")
    before = list(rows.values(*columns))
    rebuild_all()
    assert list(rows.values(*columns)) == before
    asking = Evidence.objects.filter(kind="change", story__key="PAY-1").exists()
    found = rows.filter(key="PAY-1").values_list("rule", "mention").first()
    assert asking == (found is not None and found[1] == "")
    return found


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({"title": "PAY-1 Round refunds"}, "pull_request"),
        ({"branch": "feature/PAY-1_round"}, "branch"),
        ({"branch": "feature/pay-1-round"}, "branch"),
        ({"title": "pay-1: round"}, "pull_request"),
        ({"body": "Fixes PAY-1"}, "description"),
        ({"body": "This closes: pay-1."}, "description"),
        ({"body": "Resolves [PAY-1](https://rodeo.example/stories/PAY-1/)"}, "description"),
        ({"title": "PAY-1 Bump left-pad", "user": DEPENDABOT}, "pull_request"),
    ],
)
def test_a_title_a_branch_and_a_closing_word_ask_for_the_change(
    github: Source, repository: Repository, story: Story, said: dict[str, Any], rule: str
) -> None:
    request(**said)
    assert link() == (rule, "")


@pytest.mark.parametrize(
    ("said", "mention"),
    [
        ({"body": "See PAY-1, which does not fix PAY-1"}, "description"),
        ({"body": "> fixes PAY-1"}, "quoted"),
        ({"body": "```\nfixes PAY-1\n```"}, "quoted"),
        ({"body": NOTES, "user": DEPENDABOT}, "bot"),
        ({"body": "Fixes PAY-1", "user": {"login": "acme-bot"}}, "bot"),
    ],
)
def test_a_key_in_a_description_is_a_mention(
    github: Source, repository: Repository, story: Story, said: dict[str, Any], mention: str
) -> None:
    request(**said)
    assert link() == ("description", mention)


def test_a_template_and_a_trailer_name_nothing(github: Source, repository: Repository, story: Story) -> None:
    request(body="<!-- Write fixes PAY-1 here -->")
    push("Round\n\nCo-authored-by: PAY-1 <x@example.org>\n(cherry picked from commit PAY-1)", sha="b" * 40)
    assert link() is None


def test_the_notes_of_a_dependency_do_not_take_a_stories_done_away(
    as_ana: Client, github: Source, repository: Repository, story: Story
) -> None:
    request(title="Bump left-pad from 1 to 2", body=NOTES, branch="dependabot/npm/left-pad-2", user=DEPENDABOT)
    story.refresh_from_db()
    assert story.stage == "todo" and not story.evidence.exists()
    page = as_ana.get("/stories/PAY-1/").content.decode()
    assert "mentioned by a bot" in page and "Bump left-pad" in page
    address = "/api/v1/stories/PAY-1/changes/"
    assert as_ana.get(address).json()["results"] == []
    (mention,) = as_ana.get(f"{address}?mentions=true").json()["results"]
    assert (mention["sha"], mention["mention"]) == ("a" * 40, "bot")
    assert as_ana.get(f"{address}?mentions=perhaps").status_code == 400
    assert "Bump left-pad" in as_ana.get("/stories/PAY-1/changes/?mentions=1").content.decode()
    # A person may say that it is part of the story all the same.
    as_ana.post("/stories/PAY-1/changes/link/", {"sha": "a" * 40})
    work()
    assert StoryLink.objects.get(key="PAY-1").mention == "" and story.evidence.filter(kind="change").exists()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("PAY-1 round", ("message", "")),
        ("Round\n\nPart of PAY-1.", ("message", "")),
        ("Round\n\n> PAY-1", ("message", "quoted")),
        ("Merge pull request #7 from ana/PAY-1-round\n\nRound", ("branch", "")),
        ("Merge branch 'pay-1-round' into 'main'\n\nRound\n\nSee merge request shop/checkout!7", ("branch", "")),
        ("Merged in ana/pay-1 (pull request #7)", ("branch", "")),
        ("Merge pull request #7 from ana/work\n\nPAY-1 round", ("pull_request", "")),
        ("Merge pull request #7 from ana/work\n\nRound\n\nSee PAY-1", ("description", "description")),
        ("Merge pull request #7 from ana/work\n\nRound\n\nFixes PAY-1", ("description", "")),
    ],
)
def test_a_commit_asks_by_its_message_and_a_merge_by_its_branch(
    github: Source, repository: Repository, story: Story, message: str, expected: tuple[str, str]
) -> None:
    push(message)
    assert link() == expected


@pytest.mark.parametrize("name", ["dependabot[bot]", "Renovate Bot", "project_7_bot_4f5e", "acme-bot"])
def test_a_bot_asks_by_the_first_line_of_its_commit_only(
    github: Source, repository: Repository, story: Story, name: str
) -> None:
    push(f"Bump left-pad\n\n{NOTES}", name=name, username=name)
    assert link() == ("message", "bot")
    push("PAY-1: bump left-pad", name=name, username=name, sha="b" * 40)
    assert StoryLink.objects.filter(mention="").count() == 1


def test_git_tells_a_bot_by_name_or_address(repo: Repo, payments: Squad, story: Story, as_root: Client) -> None:
    repo.run(
        "commit",
        "-q",
        "--allow-empty",
        "--author",
        "Bumper <1+bumper[bot]@users.noreply.github.com>",
        "-m",
        "Bump\n\nPAY-1",
    )
    as_root.post(
        "/api/v1/sources/git/",
        {"url": str(repo.path), "service": "checkout", "squad": "payments"},
        content_type="application/json",
    )
    source = Source.objects.get(kind="git")
    lease = leases.lease_now(source)
    assert lease and pulling.pull_source(source.pk, lease)
    work()
    assert link() == ("message", "bot")


def test_small_letters_ask_where_their_squad_owns_the_repository_and_hint_elsewhere(
    as_ana: Client, ana: User, github: Source, search: Squad, story: Story
) -> None:
    web = Service.objects.create(name="web", slug="web", squad=search)
    Repository.objects.create(key="github.com/shop/checkout", service=web)
    push("pay-1: round")
    assert link() == ("message", "hint")
    page = as_ana.get("/changes/unlinked/").content.decode()
    assert "perhaps" in page and 'value="PAY-1"' in page
    assert "Round" not in as_ana.get("/stories/PAY-1/").content.decode()
    # It goes to squad Payments, and the key is theirs.
    edit_service(web, by=ana, squad=story.squad)
    work()
    assert link() == ("message", "")


def test_a_package_that_a_bot_updates_is_no_hint(
    as_ana: Client, github: Source, ana: User, repository: Repository
) -> None:
    pad = Squad.objects.create(name="Pads", slug="pads", key_prefix="PAD")
    for _ in range(2):
        create_story(pad, by=ana, title="Left")
    request(branch="dependabot/npm/left-pad-2", user=DEPENDABOT)
    assert StoryLink.objects.get(key="PAD-2").mention == "nothing"
    assert "PAD-2" not in as_ana.get("/changes/unlinked/").content.decode()


def test_a_squad_says_which_repositories_may_name_its_keys(
    as_lea: Client, as_ana: Client, github: Source, repository: Repository, story: Story
) -> None:
    push("PAY-1 round")
    assert link() == ("message", "")
    answer = as_lea.patch(
        "/api/v1/squads/payments/", {"key_repositories": ["shop/ledger"]}, content_type="application/json"
    )
    assert answer.json()["key_repositories"] == ["shop/ledger"]
    work()
    assert link() == ("message", "repository")
    assert (
        "github.com/shop/checkout isn’t allowed to use Payments keys" in as_ana.get("/stories/PAY-1/").content.decode()
    )
    page = as_lea.get("/squads/payments/edit/").content.decode()
    assert "shop/ledger" in page
    form = {
        "name": "Payments",
        "key_prefix": "PAY",
        "kind": "horizontal",
        "key_repositories": "shop/ledger\nshop/checkout",
    }
    assert as_lea.post("/squads/payments/edit/", form).status_code == 302
    work()
    assert link() == ("message", "")


def test_a_squad_may_let_descriptions_count(lea: User, github: Source, repository: Repository, story: Story) -> None:
    request(body="Helps PAY-1.")
    assert link() == ("description", "description")
    edit_squad(story.squad, by=lea, descriptions_count=True)
    work()
    assert link() == ("description", "")
    request(body="Helps PAY-1.", user=DEPENDABOT, sha="b" * 40)
    assert StoryLink.objects.get(change__sha="b" * 40).mention == "bot"


def test_an_administrator_says_who_is_a_bot(
    as_root: Client, as_ana: Client, root: User, github: Source, repository: Repository, story: Story
) -> None:
    push("Update\n\nPAY-1", name="Acme CI", username="acme-ci")
    assert link() == ("message", "")
    assert as_ana.post("/sources/bots/", {"name": "acme ci", "is_bot": "yes"}).status_code == 403
    assert as_root.post("/sources/bots/", {"name": "Acme *", "is_bot": "yes"}).status_code == 302
    work()
    assert link() == ("message", "bot")
    assert "acme *" in as_root.get("/sources/bots/").content.decode()
    (row,) = as_root.get("/api/v1/bots/").json()["results"]
    assert as_root.delete(f"/api/v1/bots/{row['id']}/").status_code == 204
    work()
    assert link() == ("message", "")
    push("Update\n\nPAY-1", name="x[bot]", username="x[bot]", sha="b" * 40)
    bots.say(name="x[bot]", is_bot=False, by=root)
    work()
    assert StoryLink.objects.get(change__sha="b" * 40).mention == ""


@pytest.mark.parametrize(("name", "said"), [("*", "at least 3 letters"), ("acme-ci", "already listed")])
def test_a_rule_for_everybody_or_twice_is_refused(as_root: Client, name: str, said: str) -> None:
    BotRule.objects.create(name="acme-ci")
    answer = as_root.post("/api/v1/bots/", {"name": name}, content_type="application/json")
    assert answer.status_code == 400 and said in answer.content.decode()


def test_a_closed_issue_makes_a_mention_ask_when_its_story_comes(
    github: Source, repository: Repository, payments: Squad, story: Story
) -> None:
    request(body="See PAY-1. Fixes #7")
    assert link() == ("description", "description")
    Story.objects.update(external="github:shop/checkout#7")
    from releases.evidence.actions import link_stories

    link_stories([story.pk])
    assert link() == ("description", "")


def test_what_a_request_says_is_taken_back_when_it_is_told_differently(
    github: Source, repository: Repository, story: Story
) -> None:
    request(title="PAY-1 round")
    event = InboundEvent.objects.get()
    InboundEvent.objects.update(body=bytes(event.body).replace(b"PAY-1 round", b"Round"), state="pending")
    work()
    assert link() is None and Change.objects.count() == 1


def test_a_pulled_request_of_a_bot_is_one_as_its_webhook_is() -> None:
    kept = slim(
        {
            "user": {"login": "acme", "type": "Bot", "avatar_url": "https://x"},
            "merged_by": {"login": "ana", "type": "User"},
        }
    )
    assert kept == {"user": {"login": "acme", "type": "Bot"}, "merged_by": {"login": "ana"}}


TEXTS = ["PAY-1", "pay-1", "Fixes PAY-1", "> PAY-1", "See PAY-2, closes #7", "sea-1", "SEA-1", "Round", "fixes pay-2"]


@pytest.mark.parametrize("seed", range(3))
def test_settings_and_events_in_any_order_end_where_a_rebuild_does(
    github: Source, payments: Squad, search: Squad, ana: User, root: User, seed: int
) -> None:
    chance = random.Random(seed)
    web = Service.objects.create(name="web", slug="web", squad=search)
    Repository.objects.create(key="github.com/shop/checkout", service=web)
    shas = [letter * 40 for letter in "abc"]

    def told() -> None:
        text, user = chance.choice(TEXTS), chance.choice([None, DEPENDABOT, {"login": "acme-ci"}])
        if chance.random() < 0.5:
            request(**{chance.choice(["title", "body", "branch"]): text}, user=user, sha=chance.choice(shas))
        else:
            name = user["login"] if user else "Ana"
            push(f"{chance.choice(TEXTS)}\n\n{text}", name=name, username=name, sha=chance.choice(shas))

    def changed() -> None:
        squad = chance.choice([payments, search])
        edit_squad(squad, by=root, key_repositories=chance.choice([[], ["shop/checkout"], ["shop/x"]]))
        edit_squad(squad, by=root, descriptions_count=chance.random() < 0.5)
        edit_service(web, by=root, squad=chance.choice([payments, search]))
        if chance.random() < 0.5 and not BotRule.objects.exists():
            bots.say(name="acme*", by=root)

    def written() -> None:
        story = create_story(chance.choice([payments, search]), by=ana, title="S")
        if chance.random() < 0.5 and not Story.objects.exclude(external="").exists():
            Story.objects.filter(pk=story.pk).update(external="github:shop/checkout#7")

    for _ in range(12):
        chance.choice([told, told, changed, written])()
        work()
    rows = StoryLink.objects.order_by("change", "key")
    evidence = Evidence.objects.order_by("pk")
    before = list(rows.values()), list(evidence.values())
    rebuild_all()
    assert (list(rows.values()), list(evidence.values())) == before
