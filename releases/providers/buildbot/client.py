"""Pulling Buildbot through its REST API: new builds by id, and again those that were still running the last time."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from releases.providers import parse
from releases.providers.base import InvalidSetting, Page, PullFailed, Pulling, PullRefused, Record, Session, Setting
from releases.providers.buildbot.translators import REVISION_PROPERTY
from releases.providers.payloads import JsonObject
from releases.providers.signatures import basic_auth

BUILD = "pull.build"
AT_ONCE = 50
STARTS = "field=buildid&field=started_at"
# Only this property: a build's others may hold secrets.
PROPERTY = f"property={REVISION_PROPERTY}"
SETTINGS = (
    Setting(
        "user",
        "User",
        "Only if a proxy asks for a user and password. Leave empty to send the token alone.",
        placeholder="rodeo",
    ),
    Setting(
        "builders",
        "Builders",
        "One per line; * matches anything. Leave empty for all.",
        many=True,
        placeholder="checkout-*",
    ),
    Setting(
        "codebase",
        "Codebase",
        "Only if a build checks out several: the one to follow.",
        placeholder="checkout",
    ),
)


def headers(session: Session, config: JsonObject, credential: str) -> Mapping[str, str]:
    """Return basic authentication or a bearer token for the proxy before Buildbot; none where builds are public."""
    user = parse.text_in(config, "user")
    if not credential:
        return {}
    if not user:
        return {"Authorization": f"Bearer {credential}"}
    return {"Authorization": basic_auth(user, credential)}


def check(config: JsonObject) -> None:
    """Raise InvalidSetting for a user that basic authentication cannot carry."""
    if ":" in parse.text_in(config, "user"):
        raise InvalidSetting("user", "User names have no colon. Put the password in its own field.")


def _get_list(session: Session, path: str, name: str) -> list[JsonObject]:
    answer = session.get(f"api/v2/{path}")
    document = answer.json()
    objects = document.get(name) if isinstance(document, Mapping) else None
    if not isinstance(objects, list):
        raise PullRefused(f"{answer.url} returned no {name}. Check that this is the address of Buildbot’s pages.")
    return [each for each in objects if isinstance(each, Mapping)]


def _id(holder: JsonObject, name: str) -> int:
    value = holder.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def builders(session: Session, config: JsonObject) -> dict[int, str]:
    """Return the names of the builders that a source reads, by id."""
    patterns = parse.lines_in(config.get("builders"))
    found = {_id(each, "builderid"): parse.text_in(each, "name") for each in _get_list(session, "builders", "builders")}
    return {
        id_: name
        for id_, name in found.items()
        if id_ and (not patterns or any(fnmatchcase(name, each) for each in patterns))
    }


def pages(session: Session, config: JsonObject, cursor: JsonObject, now: datetime) -> Iterator[Page]:
    """Yield the builds that were unfinished the last time, then those after the cursor, oldest first."""
    names = builders(session, config)
    done = _id(cursor, "done")
    unfinished = [each for each in cursor.get("open") or () if isinstance(each, int)]
    newest = _get_list(session, f"builds?order=-buildid&limit=1&{STARTS}", "builds")
    last = max((_id(each, "buildid") for each in newest), default=0)
    at = _id(cursor, "at")
    if last < done or (done and at and _began(session, done, newest) not in (0, at)):
        done, unfinished, at = 0, [], 0  # the master was reinstalled and counts from 1 again
    for start in range(0, len(unfinished), AT_ONCE):
        batch = unfinished[start : start + AT_ONCE]
        builds = _get_list(session, f"builds?{_query('buildid', batch)}&{PROPERTY}", "builds")
        running = {_id(each, "buildid") for each in builds if each.get("complete") is not True}
        unfinished = [each for each in unfinished if each not in batch or each in running]
        yield _page(session, names, builds, {"done": done, "open": unfinished, "at": at}, last)
    while done < last:
        builds = _get_list(session, f"builds?buildid__gt={done}&order=buildid&limit={AT_ONCE}&{PROPERTY}", "builds")
        newest_read = max((_id(each, "buildid") for each in builds), default=last)
        if newest_read <= done:
            raise PullFailed("Buildbot sent builds that weren’t requested, so the page was skipped.")
        done = newest_read
        at = max((_id(each, "started_at") for each in builds if _id(each, "buildid") == done), default=0)
        unfinished += [
            _id(each, "buildid")
            for each in builds
            if each.get("complete") is not True and _id(each, "builderid") in names
        ]
        yield _page(session, names, builds, {"done": done, "open": unfinished, "at": at}, last)


def _began(session: Session, number: int, newest: list[JsonObject]) -> int:
    """Return when a build began, in seconds since 1970; 0 where the master has it no more. Asked only if it is not the newest."""
    found = [each for each in newest if _id(each, "buildid") == number] or _get_list(
        session, f"builds?buildid={number}&{STARTS}", "builds"
    )
    return next((_id(each, "started_at") for each in found), 0)


def _query(name: str, ids: Iterable[int]) -> str:
    return "&".join(f"{name}={each}" for each in ids)


def _page(session: Session, names: Mapping[int, str], builds: list[JsonObject], cursor: JsonObject, last: int) -> Page:
    wanted = [each for each in builds if _id(each, "builderid") in names]
    sourcestamps = _buildsets(session, wanted)
    records = [
        Record(
            BUILD,
            json.dumps(
                {
                    **build,
                    "builder": {"name": names[_id(build, "builderid")]},
                    "buildset": {"sourcestamps": sourcestamps.get(_id(build, "buildrequestid"), [])},
                },
                sort_keys=True,
                separators=(",", ":"),
            ).encode(),
        )
        for build in wanted
    ]
    return Page(records, {**cursor, "open": list(cursor["open"])}, "builds", _id(cursor, "done"), last)


def _buildsets(session: Session, builds: list[JsonObject]) -> dict[int, Any]:
    """Return the source stamps of each build by the id of its build request, with two requests for all builds."""
    request_ids = sorted({id_ for each in builds if (id_ := _id(each, "buildrequestid"))})
    if not request_ids:
        return {}
    requests = _get_list(session, f"buildrequests?{_query('buildrequestid', request_ids)}", "buildrequests")
    set_of_request = {_id(each, "buildrequestid"): _id(each, "buildsetid") for each in requests}
    ids = sorted({each for each in set_of_request.values() if each})
    if not ids:
        return {}
    buildsets = _get_list(session, f"buildsets?{_query('bsid', ids)}", "buildsets")
    sourcestamps = {_id(each, "bsid"): each.get("sourcestamps") for each in buildsets}
    return {request: sourcestamps.get(bsid, []) for request, bsid in set_of_request.items()}


def test_connection(session: Session, config: JsonObject) -> list[str]:
    """Return how many builders can be read."""
    found = builders(session, config)
    if not found:
        raise PullFailed("Buildbot shows no builders with these names. Check Builders and this user’s access.")
    return [f"{len(found):,} {'builder' if len(found) == 1 else 'builders'}"]


PULLING = Pulling(
    headers=headers,
    pages=pages,
    test_connection=test_connection,
    credential="Only if Buildbot is behind a proxy: the user’s password, or a token.",
)
