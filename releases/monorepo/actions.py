"""Monorepo paths: folders of a repository (its parts) that make a service of their own (docs/adr/0021)."""

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from releases.inbox.models import Source
from releases.mappings.actions import check_mapper
from releases.pipelines.models import Repository, RepositoryPart
from releases.providers import monorepo_paths
from squads.events import ServiceChanged
from squads.teams.actions import service_named

PARTS_LIMIT = 500


@transaction.atomic
def add_part(repository: Repository, prefix: str, service: str, *, by: Actor) -> RepositoryPart:
    """Give a folder to a service, which is created unowned if there is none of this name.

    Past changes that events described are derived again at once; git is asked within seconds which folders its commits
    touch.
    """
    check_mapper(by)
    folder = _validate_folder(prefix)
    name = service.replace("\0", "").strip()
    if not name or len(name) > 120:
        raise ValidationError({"service": "Enter the folder’s service, in at most 120 characters."})
    Repository.objects.select_for_update().get(pk=repository.pk)
    known = RepositoryPart.objects.filter(repository=repository, prefix=folder).select_related("service").first()
    if known is not None:
        raise ValidationError(
            {"folder": f"{folder} already belongs to the service {known.service}. Remove that first."}
        )
    if RepositoryPart.objects.filter(repository=repository).count() >= PARTS_LIMIT:
        raise ValidationError({"folder": f"A repository can have up to {PARTS_LIMIT} paths."})
    row = RepositoryPart.objects.create(repository=repository, prefix=folder, service=service_named(name), by=by)
    _record_change(row, "", "in force", by)
    # The next pull reads the folders of all commits, down to the depth of the deepest part.
    sources = Source.objects.filter(repository=repository, kind="git", state=Source.State.ACTIVE)
    sources.update(next_pull_at=clock.now())
    return row


def _validate_folder(text: str) -> str:
    folder = text.replace("\0", "").replace("\\", "/").strip().strip("/").removeprefix("./").strip("/")
    pieces = folder.split("/")
    if not folder or any(piece in ("", ".", "..") for piece in pieces):
        raise ValidationError({"folder": "Enter a folder from the repository’s root, such as services/checkout."})
    if any(sign in folder for sign in "*?"):
        raise ValidationError({"folder": "Enter one folder, without * and ?."})
    if len(folder) > 250 or len(pieces) > monorepo_paths.DEEPEST:
        raise ValidationError({"folder": f"Use at most 250 characters and {monorepo_paths.DEEPEST} nested folders."})
    return folder


@transaction.atomic
def remove_part(row: RepositoryPart, *, by: Actor) -> None:
    """Remove a part: its folder belongs to the part around it again, or to the repository's own service."""
    check_mapper(by)
    _record_change(row, "in force", "removed", by)
    row.delete()


def _record_change(row: RepositoryPart, before: str, after: str, by: Actor) -> None:
    StateChange.objects.create(
        kind="repository part",
        key=f"{row.repository.key}: {row.prefix}"[:200],
        from_state=before,
        to_state=after,
        by=by,
        because=f"makes {row.service.name}",
        at=clock.now(),
    )
    verb = "gave" if after == "in force" else "took"
    to = "to" if after == "in force" else "from"
    did = f"{verb} {row.prefix} of {row.repository.key} {to} the service {row.service.name}"
    audit.record(by=by, did=did, kind="mapping", key=row.repository.key)
    publish(ServiceChanged(id=row.service_id, repositories=[row.repository_id]))
