"""Facts from Buildbot's builds. HttpStatusPush and the REST API write them alike."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from releases.providers import facts, parse
from releases.providers.addresses import host_of, link, path_of
from releases.providers.buildbot.tables import NAMES, RESULTS
from releases.providers.facts import RunSeen, Seen, Unreadable

PLACE = re.compile(r"builders/(\d{1,18})/builds/(\d{1,18})")
REVISION = "got_revision"

Said = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Code:
    """What a build was made of. `sha` is empty where that is no commit: before a checkout, and with a patch on top."""

    sha: str = ""
    branch: str = ""
    repository: str = ""


def address(root: str, builder: str, number: str) -> str:
    """Return where people look at a build."""
    return f"{root.rstrip('/')}/#/builders/{builder}/builds/{number}"


def configured(config: Said) -> str:
    """Return the address of the source; "" for one that only takes pushes."""
    return parse.text_in(config, "url")


def code_of(build: Said, codebase: str) -> Code:
    """Return what a build was made of: of several codebases the one that is named, or none rather than a guess.

    The revision that was checked out counts, not the one that was asked for.
    """
    stamps = parse.part_of(build, "buildset").get("sourcestamps")
    found = [each for each in stamps if isinstance(each, Mapping)] if isinstance(stamps, list) else []
    if codebase:
        found = [each for each in found if parse.text_in(each, "codebase") == codebase]
    if len(found) != 1:
        return Code()
    stamp = found[0]
    got = parse.part_of(build, "properties").get(REVISION)
    value = got[0] if isinstance(got, list) and got else got
    if isinstance(value, Mapping):
        value = value.get(parse.text_in(stamp, "codebase"))
    sha = "" if stamp.get("patch") else parse.sha(value if isinstance(value, str) else parse.text_in(stamp, "revision"))
    branch = parse.cut(parse.text_in(stamp, "branch").removeprefix("refs/heads/"), 250)
    return Code(sha, branch, parse.repository(parse.text_in(stamp, "repository")))


def build(said: Said, received: datetime | None, config: Said) -> list[Seen]:
    """A build is a run of its builder, known by builder and number on its master. It has no outcome until it is complete.

    The address of the source tells masters apart, or the one that the master gives itself.
    """
    builder = parse.part_of(said, "builder")
    url = parse.text_in(said, "url")
    place = PLACE.search(url)
    number = parse.text_in(said, "number") or (place[2] if place else "")
    of = parse.text_in(said, "builderid") or parse.text_in(builder, "builderid") or (place[1] if place else "")
    if not number or not of:
        raise Unreadable("the build's number or builderid is missing, and its url does not hold them")
    root = configured(config) or url.partition("#")[0]
    said_results = parse.text_in(said, "results")
    ended = said.get("complete") is True or parse.text_in(said, "event") == "finished"
    started, over = parse.seconds(said.get("started_at")), parse.seconds(said.get("complete_at"))
    told = parse.seconds(said.get("timestamp"))
    over = (over or told) if ended else None
    at = over or started or told or received
    if at is None:
        raise Unreadable("started_at and complete_at are missing, and nobody noted when the message came")
    code = code_of(said, parse.text_in(config, "codebase"))
    return [
        RunSeen(
            key=parse.key_of(f"{host_of(root) or 'buildbot'}/{path_of(root)}", f"builders/{of}/builds/{number}"),
            at=at,
            phase=facts.FINISHED if ended else facts.RUNNING,
            outcome=RESULTS.read(said_results).outcome if ended else "",
            raw_status=_words(said, said_results, ended),
            repository=code.repository,
            branch=code.branch,
            sha=code.sha,
            started_at=started,
            finished_at=over,
            pipeline=parse.cut(
                parse.text_in(builder, "name") or parse.text_in(said, "buildername") or f"builder {of}", 250
            ),
            url=link(address(root, of, number) if root else url),
        )
    ]


def _words(said: Said, results: str, ended: bool) -> str:
    state = parse.text_in(said, "state_string")
    if not ended:
        return parse.cut(state or "building", 250)
    name = NAMES.get(results) or f"results {results or 'missing'}"
    return parse.cut(f"{name}: {state}" if state else name, 250)
