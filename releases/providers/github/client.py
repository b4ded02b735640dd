"""Reading GitHub by its REST API: its settings, its repositories, and the pull of their lists (lists.py)."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from releases.providers import parse
from releases.providers.base import Missing, NotAccepted, Page, Pulling, PullPartly, PullRefused, Session, Setting
from releases.providers.github.lists import LISTS
from releases.providers.github.paging import PER_PAGE, Asker, Params, has_next, listed
from releases.providers.github.reading import REPOSITORY_FIELDS
from releases.providers.github.repository import Repository
from releases.providers.github.signing import headers, prefix

MOST_REPOSITORIES, MOST_REFUSALS, LOOKED_AT = 1000, 5, 20
DAYS, MOST_DAYS = 90, 3650
OFF = "off"
SETTINGS = (
    Setting(
        "repositories",
        "Repositories",
        "One a line: owner/name. Left empty, all that the token sees, without those that are archived.",
        many=True,
        placeholder="shop/checkout",
    ),
    Setting("issues", "Issues", "Whether issues are read as tickets.", choices=(("", "Read"), (OFF, "Leave out"))),
    Setting(
        "checks",
        "Statuses and checks",
        "Those that other CI systems give to the newest commits.",
        choices=(("", "Read"), (OFF, "Leave out")),
    ),
    Setting(
        "days", "Days of history", f"How far back the first pull reads: {DAYS} where left empty.", placeholder=str(DAYS)
    ),
    Setting(
        "app_id",
        "App ID",
        "Only for a GitHub App; the credential is then its private key (the .pem file).",
        placeholder="123456",
    ),
    Setting(
        "installation_id",
        "Installation ID",
        "Only for a GitHub App: the number at the end of the address of its installation.",
        placeholder="12345678",
    ),
)


def check(config: Mapping[str, Any]) -> None:
    """Raise NotAccepted for what cannot work, naming the field."""
    host = urlsplit(str(config.get("url") or "")).netloc.lower()
    if host.rpartition("@")[2] in ("github.com", "www.github.com"):
        raise NotAccepted("url", "That is where people go. The API of GitHub.com is at https://api.github.com.")
    for name in named_in(config):
        if "://" in name or name.count("/") != 1:
            raise NotAccepted(
                "repositories", f"{parse.cut(name, 80)} is no repository. Write owner/name, without the host."
            )
    days = parse.text_in(config, "days")
    if days and not (days.isdecimal() and len(days) < 6 and 1 <= int(days) <= MOST_DAYS):
        raise NotAccepted("days", f"Write a number of days from 1 to {MOST_DAYS}.")
    app, installation = parse.text_in(config, "app_id"), parse.text_in(config, "installation_id")
    if bool(app) != bool(installation):
        raise NotAccepted("installation_id" if app else "app_id", "A GitHub App needs both its App ID and this.")
    if installation and not installation.isdecimal():
        raise NotAccepted("installation_id", "That is a number, at the end of the address of the installation's page.")


def named_in(config: Mapping[str, Any]) -> list[str]:
    """Return the repositories that a source names, each once."""
    return list(dict.fromkeys(name for line in parse.lines_in(config.get("repositories")) if (name := line.strip("/"))))


def _days(config: Mapping[str, Any]) -> int:
    days = parse.text_in(config, "days")
    return int(days) if days.isdecimal() and len(days) < 6 and int(days) else DAYS


# Repositories


def _repositories(asker: Asker, config: Mapping[str, Any], missing: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the repositories a source names, or all its token sees. `missing` gets those that nobody shows."""
    names = named_in(config)
    for name in names:
        path = f"/repos/{quote(name)}"
        try:
            answer, note = asker.ask(path)
        except Missing:
            missing.append(f"GitHub knows no repository {name}, or does not show it to this token")
            continue
        if answer is not None:
            note = _home(answer.json())
            asker.keep(path, None, answer, note)
        if note.get("full_name"):
            yield note
        else:
            missing.append(f"what GitHub says about {name} is no repository")
    if not names:
        yield from _all(asker, bool(parse.text_in(config, "app_id")))


def _all(asker: Asker, of_app: bool) -> Iterator[dict[str, Any]]:
    path, within = ("/installation/repositories", "repositories") if of_app else ("/user/repos", "")
    order: Params = {} if of_app else {"sort": "full_name"}
    seen: set[str] = set()
    page, follows = 0, True
    while follows:
        page += 1
        params: Params = {**order, "per_page": PER_PAGE, "page": page}
        answer, note = asker.ask(path, params)
        if answer is not None:
            found = [_home(each) for each in listed(answer, within) if each.get("archived") is not True]
            note = [[each for each in found if each.get("full_name")], has_next(answer)]
            asker.keep(path, params, answer, note)
        fresh = [each for each in note[0] if each["full_name"] not in seen]
        seen |= {each["full_name"] for each in fresh}
        if len(seen) > MOST_REPOSITORIES:
            raise PullRefused(
                f"The token sees more than {MOST_REPOSITORIES:,} repositories. Name those that matter in Repositories."
            )
        yield from fresh
        follows = bool(note[1])


def _home(read: object) -> dict[str, Any]:
    if not isinstance(read, Mapping):
        return {}
    home = {name: text for name in REPOSITORY_FIELDS if (text := parse.text_in(read, name))}
    return home | {"has_issues": read.get("has_issues") is not False}


# Pages


def pages(session: Session, config: Mapping[str, Any], cursor: Mapping[str, Any], now: datetime) -> Iterator[Page]:
    """Read each repository's lists on from where the cursor says; whatever could not be read is said at the end."""
    asker = Asker(session, prefix(config), cursor.get("tags"))
    marks: dict[str, Any] = dict(cursor.get("marks") or {})
    missing: list[str] = []
    whole = 0
    for home in _repositories(asker, config, missing):
        name = home["full_name"]
        own = {kind: dict(mark) for kind, mark in dict(marks.get(name) or {}).items()}
        repository = Repository(asker, home, _days(config), now)
        for kind, many, read in LISTS:
            if config.get(kind) == OFF or (kind == "issues" and home.get("has_issues") is False):
                continue
            mark = own.setdefault(kind, {})
            try:
                for records in read(repository, mark):
                    marks[name] = {each: dict(kept) for each, kept in own.items()}
                    yield Page(
                        records, {"tags": dict(asker.tags), "marks": dict(marks)}, f"{many} of {name}", repository.done
                    )
                whole += 1
            except PullRefused as refused:
                missing.append(f"{many} of {name}: {refused}")
            marks[name] = {each: dict(kept) for each, kept in own.items()}
            if len(missing) >= MOST_REFUSALS:
                break
        if len(missing) >= MOST_REFUSALS:
            break
    if missing:
        remedy = "Let the token read that, or take it out of the source's settings."
        if whole and len(missing) < MOST_REFUSALS:
            raise PullPartly(f"{'; '.join(missing)}. All else was read. {remedy}")
        raise PullRefused(f"{'; '.join(missing)}. {remedy}")
    asker.prune()
    last = {"tags": asker.tags, "marks": marks}
    if last != {"tags": cursor.get("tags") or {}, "marks": cursor.get("marks") or {}}:
        yield Page((), last, "done")


def look(session: Session, config: Mapping[str, Any]) -> list[str]:
    """Say what there is to see: repositories, and the workflows and environments of the first of them."""
    missing: list[str] = []
    asker = Asker(session, prefix(config), {})
    homes = list(_repositories(asker, config, missing))
    if missing:
        raise PullRefused(f"{'; '.join(missing)}. Check its name, and that the token may read it.")
    counts = {"workflow": 0, "environment": 0}
    for home in homes[:LOOKED_AT]:
        for one, path in (("workflow", "actions/workflows"), ("environment", "environments")):
            counts[one] += _count(asker, f"/repos/{quote(home['full_name'])}/{path}")
    some = f" in the first {LOOKED_AT}" if len(homes) > LOOKED_AT else ""
    plural = "y" if len(homes) == 1 else "ies"
    return [
        f"{len(homes):,} repositor{plural}",
        *(f"{count:,} {one}{'' if count == 1 else 's'}{some}" for one, count in counts.items()),
    ]


def _count(asker: Asker, path: str) -> int:
    try:
        read = asker.plain(path, {"per_page": 1}).json()
    except Missing:
        return 0
    total = read.get("total_count") if isinstance(read, Mapping) else 0
    return total if isinstance(total, int) else 0


PULLING = Pulling(
    headers=headers,
    pages=pages,
    look=look,
    default_url="https://api.github.com",
    credential="A personal access token that may read, or the private key (.pem) of a GitHub App.",
    per_minute=600,
)
