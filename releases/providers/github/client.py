"""Pulling GitHub through its REST API: its settings, its repositories, and their lists (repository_lists.py)."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from releases.providers import parse
from releases.providers.base import (
    InvalidSetting,
    Missing,
    Page,
    PullIncomplete,
    Pulling,
    PullRefused,
    Session,
    Setting,
)
from releases.providers.github.authentication import headers, prefix
from releases.providers.github.conditional_requests import PER_PAGE, EtagClient, Params, has_next_page, objects_in
from releases.providers.github.fields import REPOSITORY_FIELDS
from releases.providers.github.repository_lists import LISTS
from releases.providers.github.repository_reader import RepositoryReader

MOST_REPOSITORIES, MOST_REFUSALS, COUNTED_REPOSITORIES = 1000, 5, 20
DAYS, MOST_DAYS = 90, 3650
OFF = "off"
SETTINGS = (
    Setting(
        "repositories",
        "Repositories",
        "One per line: owner/name. Leave empty for all the token can see, except archived ones.",
        many=True,
        placeholder="shop/checkout",
    ),
    Setting("issues", "Issues", "Whether to read issues.", choices=(("", "Read"), (OFF, "Leave out"))),
    Setting(
        "checks",
        "Statuses and checks",
        "Those that other CI systems add to the newest commits.",
        choices=(("", "Read"), (OFF, "Leave out")),
    ),
    Setting("days", "Days of history", f"How far back the first pull reads. {DAYS} if empty.", placeholder=str(DAYS)),
    Setting(
        "app_id",
        "App ID",
        "Only for a GitHub App. The credential is then its private key (.pem file).",
        placeholder="123456",
    ),
    Setting(
        "installation_id",
        "Installation ID",
        "Only for a GitHub App: the number at the end of its installation’s address.",
        placeholder="12345678",
    ),
)


def check(config: Mapping[str, Any]) -> None:
    """Raise InvalidSetting, naming the field, for settings that cannot work."""
    host = urlsplit(str(config.get("url") or "")).netloc.lower()
    if host.rpartition("@")[2] in ("github.com", "www.github.com"):
        raise InvalidSetting("url", "That’s the website. GitHub.com’s API is at https://api.github.com.")
    for name in repository_names(config):
        if "://" in name or name.count("/") != 1:
            raise InvalidSetting(
                "repositories", f"{parse.cut(name, 80)} isn’t a repository. Write owner/name, without the host."
            )
    days = parse.text_in(config, "days")
    if days and not (days.isdecimal() and len(days) < 6 and 1 <= int(days) <= MOST_DAYS):
        raise InvalidSetting("days", f"Enter a number of days from 1 to {MOST_DAYS}.")
    app, installation = parse.text_in(config, "app_id"), parse.text_in(config, "installation_id")
    if bool(app) != bool(installation):
        raise InvalidSetting("installation_id" if app else "app_id", "A GitHub App needs both its App ID and this.")
    if installation and not installation.isdecimal():
        raise InvalidSetting("installation_id", "Enter the number at the end of the installation page’s address.")


def repository_names(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the repositories in a source's settings, each once."""
    return list(dict.fromkeys(name for line in parse.lines_in(config.get("repositories")) if (name := line.strip("/"))))


def _days(config: Mapping[str, Any]) -> int:
    days = parse.text_in(config, "days")
    return int(days) if days.isdecimal() and len(days) < 6 and int(days) else DAYS


# Repositories


def _repositories(client: EtagClient, config: Mapping[str, Any], missing: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the repositories in the settings, or all that the token sees; `missing` gets those that GitHub does not show."""
    names = repository_names(config)
    for name in names:
        path = f"/repos/{quote(name)}"
        try:
            answer, remembered = client.get_if_changed(path)
        except Missing:
            missing.append(f"GitHub has no repository {name}, or this token can’t see it")
            continue
        if answer is not None:
            remembered = _repository_info(answer.json())
            client.remember(path, None, answer, remembered)
        if remembered.get("full_name"):
            yield remembered
        else:
            missing.append(f"GitHub’s answer about {name} isn’t a repository")
    if not names:
        yield from _visible_repositories(client, bool(parse.text_in(config, "app_id")))


def _visible_repositories(client: EtagClient, of_app: bool) -> Iterator[dict[str, Any]]:
    path, within = ("/installation/repositories", "repositories") if of_app else ("/user/repos", "")
    order: Params = {} if of_app else {"sort": "full_name"}
    seen: set[str] = set()
    page, has_next = 0, True
    while has_next:
        page += 1
        params: Params = {**order, "per_page": PER_PAGE, "page": page}
        answer, remembered = client.get_if_changed(path, params)
        if answer is not None:
            found = [_repository_info(each) for each in objects_in(answer, within) if each.get("archived") is not True]
            remembered = [[each for each in found if each.get("full_name")], has_next_page(answer)]
            client.remember(path, params, answer, remembered)
        fresh = [each for each in remembered[0] if each["full_name"] not in seen]
        seen |= {each["full_name"] for each in fresh}
        if len(seen) > MOST_REPOSITORIES:
            raise PullRefused(
                f"The token sees more than {MOST_REPOSITORIES:,} repositories. List the ones you need under Repositories."
            )
        yield from fresh
        has_next = bool(remembered[1])


def _repository_info(document: object) -> dict[str, Any]:
    if not isinstance(document, Mapping):
        return {}
    info = {name: text for name in REPOSITORY_FIELDS if (text := parse.text_in(document, name))}
    return info | {"has_issues": document.get("has_issues") is not False}


# Pages


def pages(session: Session, config: Mapping[str, Any], cursor: Mapping[str, Any], now: datetime) -> Iterator[Page]:
    """Yield what is new in each repository's lists since the cursor; raise at the end naming what could not be read."""
    client = EtagClient(session, prefix(config), cursor.get("tags"))
    marks: dict[str, Any] = dict(cursor.get("marks") or {})
    missing: list[str] = []
    complete_lists = 0
    for info in _repositories(client, config, missing):
        name = info["full_name"]
        own_marks = {kind: dict(mark) for kind, mark in dict(marks.get(name) or {}).items()}
        reader = RepositoryReader(client, info, _days(config), now)
        for kind, many, read_list in LISTS:
            if config.get(kind) == OFF or (kind == "issues" and info.get("has_issues") is False):
                continue
            mark = own_marks.setdefault(kind, {})
            try:
                for records in read_list(reader, mark):
                    marks[name] = {each: dict(kept) for each, kept in own_marks.items()}
                    yield Page(
                        records, {"tags": dict(client.etags), "marks": dict(marks)}, f"{many} of {name}", reader.done
                    )
                complete_lists += 1
            except PullRefused as refused:
                missing.append(f"{many} of {name}: {refused}")
            marks[name] = {each: dict(kept) for each, kept in own_marks.items()}
            if len(missing) >= MOST_REFUSALS:
                break
        if len(missing) >= MOST_REFUSALS:
            break
    if missing:
        remedy = "Give the token access, or remove it from the source’s settings."
        if complete_lists and len(missing) < MOST_REFUSALS:
            raise PullIncomplete(f"{'; '.join(missing)}. Everything else was read. {remedy}")
        raise PullRefused(f"{'; '.join(missing)}. {remedy}")
    client.prune()
    last = {"tags": client.etags, "marks": marks}
    if last != {"tags": cursor.get("tags") or {}, "marks": cursor.get("marks") or {}}:
        yield Page((), last, "done")


def test_connection(session: Session, config: Mapping[str, Any]) -> list[str]:
    """Return how many repositories can be read, and how many workflows and environments the first of them have."""
    missing: list[str] = []
    client = EtagClient(session, prefix(config), {})
    infos = list(_repositories(client, config, missing))
    if missing:
        raise PullRefused(f"{'; '.join(missing)}. Check its name and the token’s access.")
    counts = {"workflow": 0, "environment": 0}
    for info in infos[:COUNTED_REPOSITORIES]:
        for one, path in (("workflow", "actions/workflows"), ("environment", "environments")):
            counts[one] += _count(client, f"/repos/{quote(info['full_name'])}/{path}")
    some = f" in the first {COUNTED_REPOSITORIES}" if len(infos) > COUNTED_REPOSITORIES else ""
    plural = "y" if len(infos) == 1 else "ies"
    return [
        f"{len(infos):,} repositor{plural}",
        *(f"{count:,} {one}{'' if count == 1 else 's'}{some}" for one, count in counts.items()),
    ]


def _count(client: EtagClient, path: str) -> int:
    try:
        document = client.get(path, {"per_page": 1}).json()
    except Missing:
        return 0
    total = document.get("total_count") if isinstance(document, Mapping) else 0
    return total if isinstance(total, int) else 0


PULLING = Pulling(
    headers=headers,
    pages=pages,
    test_connection=test_connection,
    default_url="https://api.github.com",
    credential="A personal access token with read access, or a GitHub App’s private key (.pem).",
    per_minute=600,
)
