"""Generating, editing and mailing release notes. The pages and the API call these same verbs."""

from collections.abc import Collection
from dataclasses import astuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models.functions import Lower
from django.urls import reverse

from portal.accounts.models import User
from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.mail import send_soon
from portal.kernel.transitions import ChangedMeanwhile, signed
from releases.planning.models import Release
from releases.release_notes import queries
from releases.release_notes.models import NotesVersion, ReleaseNotes
from releases.release_notes.three_way import Difference, merge
from squads.teams.permissions import check_planner

LONGEST = 100_000
MOST_ADDRESSEES = 50
NO_MAIL = "Mail isn’t set up, so nothing can be mailed. An administrator can set RODEO_EMAIL_URL."


@transaction.atomic
def generate(release: Release, *, by: Actor, version: int | None = None) -> ReleaseNotes:
    """Make the notes of a release from its stories and changes. What people edited stays; see `three_way.merge`.

    `version` is what the person began from (0: no notes yet); None doesn't look. Raises ChangedMeanwhile if somebody
    changed the notes since. Generating what is there already changes nothing.
    """
    check_planner(by)
    Release.objects.select_for_update(of=("self",)).get(pk=release.pk)
    made = queries.material(release).text
    notes = queries.notes_of(release)
    _check(release, notes, version)
    if notes is None:
        notes = ReleaseNotes.objects.create(release=release, generated=made, text=made)
        _keep(notes, NotesVersion.Made.GENERATED, by)
        return notes
    text, differences = merge(notes.generated, notes.text, made)
    if made == notes.generated and text == notes.text:
        return notes
    notes.generated, notes.generated_at = made, clock.now()
    return _write(notes, text, NotesVersion.Made.GENERATED, by, differences)


@transaction.atomic
def edit(release: Release, *, by: Actor, text: str, version: int | None = None) -> ReleaseNotes:
    """Write the notes of a release. Raises ChangedMeanwhile as `generate` does, and ValidationError naming the field."""
    check_planner(by)
    Release.objects.select_for_update(of=("self",)).get(pk=release.pk)
    text = _plain(text)
    if len(text) > LONGEST:
        raise ValidationError({"text": f"This is over {LONGEST:,} characters. Shorten it."})
    notes = queries.notes_of(release)
    _check(release, notes, version)
    if notes is None:
        # What is generated later is merged with this as if it had been there when somebody wrote it.
        notes = ReleaseNotes(release=release, generated=queries.material(release).text, version=0)
    elif text == notes.text:
        return notes
    return _write(notes, text, NotesVersion.Made.EDITED, by)


def _plain(text: str) -> str:
    lines = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").rstrip()
    return f"{lines}\n" if lines else ""


def _check(release: Release, notes: ReleaseNotes | None, version: int | None) -> None:
    if version is not None and version != (notes.version if notes is not None else 0):
        raise ChangedMeanwhile(f"the notes of {release}")


def _write(
    notes: ReleaseNotes, text: str, made: str, by: Actor, differences: Collection[Difference] = ()
) -> ReleaseNotes:
    notes.text, notes.version, notes.changed_at = text, notes.version + 1, clock.now()
    notes.save()
    _keep(notes, made, by, differences)
    return notes


def _keep(notes: ReleaseNotes, made: str, by: Actor, differences: Collection[Difference] = ()) -> None:
    NotesVersion.objects.create(
        notes=notes,
        version=notes.version,
        text=notes.text,
        made=made,
        differences=[astuple(each) for each in differences],
        by=by,
        because=signed(by, "")[:200],
        at=clock.now(),
    )
    did = "generated" if made == NotesVersion.Made.GENERATED else "edited"
    audit.record(by=by, did=f"{did} {notes} (version {notes.version})", kind="release", key=notes.release.slug)


@transaction.atomic
def mail_notes(release: Release, *, by: Actor, people: Collection[str], version: int | None = None) -> int:
    """Mail the notes of a release to people with an account, by user name; return how many mails that makes.

    Raises ValidationError naming `people` for who has no account or no address, and if there are more than 50.
    """
    check_planner(by)
    if not settings.RODEO_MAIL:
        raise ValidationError(NO_MAIL)
    notes = queries.notes_of(release)
    _check(release, notes, version)
    if notes is None or not notes.text:
        raise ValidationError("There are no notes yet. Generate them first.")
    addressed = _addressees(people)
    about = " ".join(f"Release notes: {release}".split())
    address = settings.RODEO_BASE_URL + reverse("releases:release_notes:notes", args=[release.slug])
    for person in addressed:
        body = f"{notes.text}\n-- \n{by.name} sent you this. The notes as they are now: {address}\n"
        send_soon(EmailMessage(about, body, None, [person.email]))
    names = ", ".join(person.username for person in addressed)
    did = f"mailed {notes} (version {notes.version}) to {names}"
    audit.record(by=by, did=did, kind="release", key=release.slug)
    return len(addressed)


def _addressees(names: Collection[str]) -> list[User]:
    wanted = {name.strip().removeprefix("@").lower(): name for name in names if name.strip()}
    if not wanted:
        raise ValidationError({"people": "Enter at least one user name."})
    if len(wanted) > MOST_ADDRESSEES:
        raise ValidationError({"people": f"These are {len(wanted)} people; {MOST_ADDRESSEES} is the most."})
    people = User.objects.filter(is_active=True, program_of=None).annotate(small=Lower("username"))
    known = {each.username.lower(): each for each in people.filter(small__in=list(wanted))}
    missing = [name for key, name in wanted.items() if key not in known or not known[key].email]
    if missing:
        some = ", ".join(name[:40] for name in missing[:5])
        raise ValidationError({"people": f"No account with an e-mail address: {some}. Enter user names, such as ana."})
    return [known[key] for key in wanted]
