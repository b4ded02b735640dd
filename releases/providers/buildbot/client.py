"""Reading Buildbot by its REST API: builds in the order of their ids, and those that were still running again."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from releases.providers import parse
from releases.providers.base import NotAccepted, Page, PullFailed, Pulling, PullRefused, Record, Session, Setting
from releases.providers.buildbot.objects import REVISION
from releases.providers.signatures import basic

BUILD = "pull.build"
AT_ONCE = 50
# Named, for a build's other properties may hold secrets.
PROPERTY = f"property={REVISION}"
SETTINGS = (
    Setting(
        "user",
        "User",
        "Only where a proxy asks for a user and a password. Left empty, a token is sent as it is.",
        placeholder="rodeo",
    ),
    Setting(
        "builders",
        "Builders",
        "One a line; * stands for anything. Left empty, all of them.",
        many=True,
        placeholder="checkout-*",
    ),
    Setting(
        "codebase",
        "Codebase",
        "Only where a build checks out several: the one whose commits are followed.",
        placeholder="checkout",
    ),
)
Said = Mapping[str, Any]


def headers(session: Session, config: Said, credential: str) -> Mapping[str, str]:
    """Nothing, where Buildbot shows everybody its builds; else user and password, or a token, for the proxy before it."""
    user = parse.text_in(config, "user")
    if not credential:
        return {}
    if not user:
        return {"Authorization": f"Bearer {credential}"}
    return {"Authorization": basic(user, credential)}


def check(config: Said) -> None:
    """Raise NotAccepted for a user that basic authentication cannot carry."""
    if ":" in parse.text_in(config, "user"):
        raise NotAccepted(
            "user", "A user's name holds no colon. Leave the password out of it; it has a field of its own."
        )


def _asked(session: Session, path: str, name: str) -> list[Said]:
    answer = session.get(f"api/v2/{path}")
    read = answer.json()
    inner = read.get(name) if isinstance(read, Mapping) else None
    if not isinstance(inner, list):
        raise PullRefused(f"{answer.url} holds no {name}. Check that the address is where Buildbot's pages are.")
    return [each for each in inner if isinstance(each, Mapping)]


def _id(holder: Said, name: str) -> int:
    value = holder.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def builders(session: Session, config: Said) -> dict[int, str]:
    """Return the names of the builders that a source follows, by their ids."""
    patterns = parse.lines_in(config.get("builders"))
    found = {_id(each, "builderid"): parse.text_in(each, "name") for each in _asked(session, "builders", "builders")}
    return {
        id_: name
        for id_, name in found.items()
        if id_ and (not patterns or any(fnmatchcase(name, each) for each in patterns))
    }


def pages(session: Session, config: Said, cursor: Said, now: datetime) -> Iterator[Page]:
    """Read the builds after the cursor, oldest first, and those again that had not ended."""
    names = builders(session, config)
    done = _id(cursor, "done")
    waiting = [each for each in cursor.get("open") or () if isinstance(each, int)]
    newest = _asked(session, "builds?order=-buildid&limit=1&field=buildid", "builds")
    last = max((_id(each, "buildid") for each in newest), default=0)
    if last < done:
        done, waiting = 0, []  # the master was made anew
    for start in range(0, len(waiting), AT_ONCE):
        some = waiting[start : start + AT_ONCE]
        found = _asked(session, f"builds?{_any('buildid', some)}&{PROPERTY}", "builds")
        running = {_id(each, "buildid") for each in found if each.get("complete") is not True}
        waiting = [each for each in waiting if each not in some or each in running]
        yield _page(session, names, found, {"done": done, "open": waiting}, last)
    while done < last:
        found = _asked(session, f"builds?buildid__gt={done}&order=buildid&limit={AT_ONCE}&{PROPERTY}", "builds")
        reached = max((_id(each, "buildid") for each in found), default=last)
        if reached <= done:
            raise PullFailed("Buildbot answered with builds that were not asked for. Nothing of that page was kept.")
        done = reached
        waiting += [
            _id(each, "buildid")
            for each in found
            if each.get("complete") is not True and _id(each, "builderid") in names
        ]
        yield _page(session, names, found, {"done": done, "open": waiting}, last)


def _any(name: str, ids: Iterable[int]) -> str:
    return "&".join(f"{name}={each}" for each in ids)


def _page(session: Session, names: Mapping[int, str], found: list[Said], cursor: Said, last: int) -> Page:
    wanted = [each for each in found if _id(each, "builderid") in names]
    sets = _buildsets(session, wanted)
    records = [
        Record(
            BUILD,
            json.dumps(
                {
                    **build,
                    "builder": {"name": names[_id(build, "builderid")]},
                    "buildset": {"sourcestamps": sets.get(_id(build, "buildrequestid"), [])},
                },
                sort_keys=True,
                separators=(",", ":"),
            ).encode(),
        )
        for build in wanted
    ]
    return Page(records, {**cursor, "open": list(cursor["open"])}, "builds", _id(cursor, "done"), last)


def _buildsets(session: Session, builds: list[Said]) -> dict[int, Any]:
    """Return what each build was asked to build, by the id of its request: two questions, however many builds."""
    asked = sorted({id_ for each in builds if (id_ := _id(each, "buildrequestid"))})
    if not asked:
        return {}
    requests = _asked(session, f"buildrequests?{_any('buildrequestid', asked)}", "buildrequests")
    of = {_id(each, "buildrequestid"): _id(each, "buildsetid") for each in requests}
    ids = sorted({each for each in of.values() if each})
    if not ids:
        return {}
    answered = _asked(session, f"buildsets?{_any('bsid', ids)}", "buildsets")
    sets = {_id(each, "bsid"): each.get("sourcestamps") for each in answered}
    return {request: sets.get(bsid, []) for request, bsid in of.items()}


def look(session: Session, config: Said) -> list[str]:
    """Say how many builders there are to see."""
    found = builders(session, config)
    if not found:
        raise PullFailed("Buildbot shows no builder of these names. Check Builders, and what this user may read.")
    return [f"{len(found):,} {'builder' if len(found) == 1 else 'builders'}"]


PULLING = Pulling(
    headers=headers,
    pages=pages,
    look=look,
    credential="Only where a proxy guards Buildbot: the user's password, or a token. Buildbot itself shows builds to everybody.",
)
