"""What the palette does about stories: “move PAY-12 to dev done”, “plan PAY-12 for 5.10”, “create Gift cards”, “is PAY-12 done?”.

A story is meant by its key, by words of its title, or as the one whose page is open. Every act is a request to the API, so
that it is the same verb, with the same permission, as everywhere.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.urls import reverse

from portal.kernel.actors import Anyone
from portal.search.queries import find
from releases.models import Release
from squads.assignments.queries import assignable, assignees_of
from squads.models import Squad, Story
from squads.stories.queries import answer

MEANT, OFFERED, MOST_PEOPLE = 4, 8, 500
PAGE_OF_STORY = re.compile(r"/stories/([A-Za-z][A-Za-z0-9_]*-[0-9]+)/")
KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*-[0-9]+")
QUESTION = re.compile(r"is\s+(.+?)(?P<end>(?:\s+(?:rodeo\s+)?(?:done|live))?\s*\?*)", re.I)
COMMAND = re.compile(r"(move|plan|assign|create)\s+(.*)", re.I)
BETWEEN = {"move": "to", "plan": "for|to", "assign": "to"}


class Act(NamedTuple):
    """One thing to do: what it is called, the request, what is said afterwards, and the request that undoes it."""

    label: str
    method: str
    url: str
    body: str
    done: str
    undo: str = ""


class Fill(NamedTuple):
    """How the text may go on."""

    label: str
    text: str


class Answer(NamedTuple):
    """Whether a story is done: the honest sentence."""

    key: str
    title: str
    said: str
    url: str


@dataclass(slots=True)
class Offered:
    """What the palette offers for a text; `notes` say why something is not offered."""

    acts: list[Act] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # A question without its end may still be words that somebody looks for.
    is_open: bool = False

    @property
    def is_command(self) -> bool:
        """Say whether the text was one, so that nothing else need be found for it."""
        return bool(self.acts or self.fills or self.answers or self.notes) and not self.is_open


def offer(text: str, me: Anyone, page: str = "") -> Offered:
    """Return what a text asks for; `page` is the path of the page that the palette is open on."""
    text = " ".join(text.split())
    if question := QUESTION.fullmatch(text):
        return Offered(answers=_answers(question[1]), is_open=not question["end"])
    if not me.is_authenticated or not (command := COMMAND.fullmatch(f"{text} ")):
        return Offered()
    verb, rest = command[1].lower(), command[2].strip()
    if verb == "create":
        return _create(rest, me, page)
    here = PAGE_OF_STORY.match(page)
    subject, value = _split(verb, rest)
    # On the page of a story the text may leave the story out: “move dev done”.
    if here and not KEY.match(rest) and (not subject or not value):
        subject, value = here[1], value or subject
    stories = _meant(subject)
    if len(stories) > 1 and not value:
        return Offered(
            fills=[Fill(f"{verb.title()} {story.key} {story.title}", _text(verb, story)) for story in stories]
        )
    offered = Offered()
    for story in stories:
        ACTS[verb](offered, story, value, me)
    del offered.acts[OFFERED:], offered.notes[1:]
    return offered


def _split(verb: str, rest: str) -> tuple[str, str]:
    """Return which story is meant and what shall become of it."""
    parts = re.split(rf"(?:^|\s+)(?:{BETWEEN[verb]})(?:\s+|$)", rest, maxsplit=1)
    if len(parts) == 2:
        return parts[0].strip(), parts[1].strip()
    if key := KEY.match(rest):
        return key[0], rest[key.end() :].strip()
    return rest, ""


def _text(verb: str, story: Story) -> str:
    return f"{verb} {story.key} {BETWEEN[verb].partition('|')[0]} "


def _meant(subject: str) -> list[Story]:
    """Return the few stories that a key or words mean, the likeliest first."""
    if not subject:
        return []
    hits = find(subject, ["story"], MEANT).hits
    keys = [hit.key for hit in hits]
    if keys and (KEY.fullmatch(subject) and keys[0].casefold() == subject.casefold()):
        keys = keys[:1]
    rows = Story.objects.select_related("squad", "release", "ended_by", "duplicate_of").in_bulk(keys, field_name="key")
    return [rows[key] for key in keys if key in rows]


def _answers(subject: str) -> list[Answer]:
    return [Answer(story.key, story.title, answer(story), story.get_absolute_url()) for story in _meant(subject)]


def _request(method: str, url: str, **body: Any) -> dict[str, str]:
    return {"method": method, "url": url, "body": json.dumps(body)}


def _move(offered: Offered, story: Story, value: str, me: Anyone) -> None:
    if not story.squad.is_writable_by(me):
        offered.notes.append(f"Only members of {story.squad} can move {story.key}.")
        return
    url = reverse("api:story-progress", args=[story.key])
    names = {progress: label for progress, label in Story.Progress.choices if progress != story.progress}
    fitting = {each: label for each, label in names.items() if value.casefold() in (label.casefold(), each)}
    fitting = fitting or {each: label for each, label in names.items() if label.startswith(value.casefold())}
    if value and not fitting:
        offered.notes.append("You can move stories up to dev done. After that, evidence moves them.")
    for progress, label in fitting.items():
        undo = {
            **_request("POST", url, **{"to": story.progress, "from": progress}),
            "done": f"{story.key} is {story.get_progress_display()} again.",
        }
        said = _request("POST", url, to=progress)
        offered.acts.append(
            Act(f"Move {_named(story)} to {label}", **said, done=f"{story.key} is {label}.", undo=json.dumps(undo))
        )


def _plan(offered: Offered, story: Story, value: str, me: Anyone) -> None:
    if not (story.squad.is_writable_by(me) or (me.is_authenticated and me.is_project_manager)):
        offered.notes.append(f"Only project managers and members of {story.squad} can plan {story.key}.")
        return
    url = reverse("api:story-detail", args=[story.key])
    before = _request("PATCH", url, release=story.release.slug if story.release else None)
    undo = json.dumps({**before, "done": f"{story.key} is planned for {story.release or 'no release'} again."})
    for release in _releases(value):
        if release == story.release:
            continue
        said = _request("PATCH", url, release=release.slug if release else None)
        target = str(release) if release else "no release"
        offered.acts.append(
            Act(f"Plan {_named(story)} for {target}", **said, done=f"{story.key} is planned for {target}.", undo=undo)
        )
    if not offered.acts:
        offered.notes.append(f"There’s no release “{value[:60]}”." if value else "There’s no other release yet.")


def _assign(offered: Offered, story: Story, value: str, me: Anyone) -> None:
    if not story.squad.is_writable_by(me):
        offered.notes.append(f"Only members of {story.squad} can assign {story.key}.")
        return
    url = reverse("api:story-assignees", args=[story.key])
    present = {each.username for each in assignees_of([story.pk]).get(story.pk, [])}
    wanted = value.casefold()
    people = list(assignable(story.squad)[:MOST_PEOPLE])
    # Whoever asks comes first.
    people.sort(key=lambda person: person.pk != me.pk)
    fitting = [each for each in people if wanted in (each.username.casefold(), "me" if each.pk == me.pk else "")]
    fitting = fitting or [each for each in people if wanted in f"{each.name} {each.username}".casefold()]
    for person in fitting[:OFFERED]:
        removes = person.username in present
        said = _request("POST", url, person=person.username, assigned=not removes)
        undo = _request("POST", url, person=person.username, assigned=removes)
        yes, no = f"assigned to {person.name}", f"no longer assigned to {person.name}"
        offered.acts.append(
            Act(
                f"{'Unassign' if removes else 'Assign'} {_named(story)} {'from' if removes else 'to'} {person.name}",
                **said,
                done=f"{story.key} is {no if removes else yes}.",
                undo=json.dumps({**undo, "done": f"{story.key} is {yes if removes else no}."}),
            )
        )
    if not fitting:
        offered.notes.append(f"There’s no one called “{value[:60]}” in {story.squad}.")


ACTS = {"move": _move, "plan": _plan, "assign": _assign}


def _releases(value: str) -> Iterable[Release | None]:
    """Return the releases that a text may mean: those to come, then the newest; None is for no release."""
    rows = Release.objects.order_by("-released_at", "-created_at")
    offered = [*rows.filter(released_at=None)[:200], *rows.exclude(released_at=None)[:200]]
    wanted = value.casefold().split()
    fitting = [each for each in offered if all(word in str(each).casefold() for word in wanted)][: OFFERED - 1]
    return [*fitting, None] if "no release".startswith(value.casefold()) or value.casefold() == "none" else fitting


def _create(title: str, me: Anyone, page: str) -> Offered:
    squads = list(Squad.objects.writable_by(me).order_by("name")[:50])
    if not squads:
        return Offered(notes=["Stories belong to squads. Join or create one first."])
    most = Story._meta.get_field("title").max_length or 0
    if len(title) > most:
        return Offered(notes=[f"This title has {len(title)} characters; {most} is the most. Shorten it."])
    # The squad of the page first, then one's own.
    own = set(Squad.objects.filter(members=me.pk))
    squads.sort(
        key=lambda squad: (
            not page.startswith((f"/squads/{squad.slug}/", f"/stories/{squad.key_prefix}-")),
            squad not in own,
        )
    )
    acts = [
        Act(
            f"Create “{title}” in {squad.name}",
            **_request("POST", reverse("api:story-list"), squad=squad.slug, title=title),
            done="",
        )
        for squad in (squads[:MEANT] if title else [])
    ]
    return Offered(acts=acts)


def _named(story: Story) -> str:
    return f"{story.key} {story.title}"
