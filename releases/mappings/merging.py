"""Merging twins: two environments, services or repositories whose names differ only in how they are spelled.

One of them goes on under its own spelling, and what was said of either belongs to it, the past included. The other stays as
another name of it, so that the events that use that name, and old addresses, lead there.
"""

from functools import reduce
from operator import or_
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, Model, OuterRef, Q

from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.issued_secrets import IssuedSecret
from portal.kernel.live import touch
from portal.kernel.locks import hold
from portal.kernel.models import StateChange
from portal.kernel.names import fold_name
from portal.kernel.outbox import publish
from portal.kernel.stable_ids import stable_id
from releases.deployments.deployed_parts import part_key
from releases.deployments.models import AcceptanceRun, Deployment
from releases.environments import queries as environments
from releases.environments.models import Environment
from releases.events import EnvironmentChanged, EnvironmentSaved
from releases.inbox.actions import replay
from releases.inbox.models import Fact
from releases.inbox.projection import delete_attempts
from releases.mappings.actions import check_mapper
from releases.mappings.twins import name_of
from releases.pipelines.models import Change, Repository, RepositoryPart, Run, StoryLink
from squads.events import ServiceChanged, ServiceSaved
from squads.models import Evidence, Service, Story

KINDS = ("environment", "service", "repository")


@transaction.atomic
def merge_twins(kind: str, name: str, into: str, *, by: Actor) -> str:
    """Merge the environment or service of this name into its twin called `into`; return a sentence that says so.

    Doing it twice changes nothing. Raises ValidationError naming the field, or PermissionDenied naming who may.
    """
    check_mapper(by)
    if kind not in KINDS:
        raise ValidationError({"kind": f"Choose one of {', '.join(KINDS)}."})
    hold("inbox")
    if kind == "repository":
        return _merge_repositories(name, into, by)
    model: Any = Environment if kind == "environment" else Service
    rows = {name_of(row): row for row in model.objects.filter(**{f"{model.objects.all().NAME}__in": (name, into)})}
    if name not in rows:
        raise ValidationError({"name": f"There’s no {kind} {name[:100]}."})
    if into not in rows or name == into or rows[name].folded != rows[into].folded:
        raise ValidationError(
            {"into": f"Enter the {kind} that differs from {name[:100]} only in upper and lower case."}
        )
    twin, row = rows[name], rows[into]
    if row.merged_into_id is not None:
        raise ValidationError({"into": f"{into} was merged into another {kind}. Enter that one."})
    if twin.merged_into_id is None:
        _merge(kind, twin, row, by)
    return f"Merged {name} into {into}, with its history."


def _merge_repositories(name: str, into: str, by: Actor) -> str:
    """Have what was said of a repository that nobody claimed or connected read again, as said of its twin; delete it."""
    rows = {row.key: row for row in Repository.objects.filter(folded=fold_name(name))}
    if into not in rows or name == into:
        raise ValidationError(
            {"into": f"Enter the repository that differs from {name[:100]} only in upper and lower case."}
        )
    twin, row = rows.get(name), rows[into]
    if twin is not None and (twin.service is not None or twin.sources.exists()):
        raise ValidationError(
            {"name": f"{name} has its own service or source. Remove both first, or merge {into} into it."}
        )
    if twin is not None:
        events = {*Run.objects.filter(repository=twin).values_list("event_id", flat=True)}
        events |= {*Change.objects.filter(repository=twin).values_list("event_id", flat=True)}
        events |= {*Fact.objects.filter(data__repository__iexact=name).values_list("event_id", flat=True)}
        _move_links(twin, row)
        taken = RepositoryPart.objects.filter(repository=row).values("prefix")
        RepositoryPart.objects.filter(repository=twin).exclude(prefix__in=taken).update(repository=row)
        twin.delete()
        _record("repository", name, into, by)
        replay(events)
        if row.service_id is not None:
            publish(ServiceChanged(id=row.service_id, repositories=[row.pk]))
    return f"Merged {name} into {into}. Its events are reprocessed now."


def _move_links(twin: Repository, row: Repository) -> None:
    """Links that people made go with their changes; the others are made again when the events are read."""
    links = StoryLink.objects.filter(change__repository=twin).select_related("change")
    for link in links.filter(person__isnull=False):
        change = stable_id("change", row.key, link.change.sha)
        if not StoryLink.objects.filter(change=change, key=link.key, person__isnull=False).exists():
            StoryLink.objects.filter(change=change, key=link.key).delete()
            StoryLink(
                change_id=change,
                key=link.key,
                story_id=link.story_id,
                rule=link.rule,
                person_id=link.person_id,
                refused=link.refused,
                linked_at=link.linked_at,
            ).save(force_insert=True)
    links.delete()


def _record(kind: str, name: str, into: str, by: Actor) -> None:
    StateChange.objects.create(
        kind=f"merged {kind}",
        key=name[:200],
        from_state="",
        to_state="merged",
        by=by,
        because=f"the same as {into}",
        at=clock.now(),
    )
    audit.record(by=by, did=f"merged the {kind} {name} into {into}", kind="mapping", key=name)


def _merge(kind: str, twin: Any, row: Any, by: Actor) -> None:
    stories = _rename_by_hand(kind, name_of(twin), name_of(row))
    if kind == "service":
        _check_one_owner(twin, row)
        _forget_parts(twin)
    _repoint(twin, row, by)
    model = type(row)
    model.objects.filter(merged_into=twin).update(merged_into=row)
    twin.merged_into = row
    if kind == "service":
        row.squad, twin.squad = row.squad or twin.squad, None
        model.objects.filter(pk=row.pk).update(squad=row.squad)
    elif twin.tier_confirmed and not row.tier_confirmed:
        row.tier, row.tier_confirmed, row.order = twin.tier, True, twin.order
        row.save(update_fields=["tier", "tier_confirmed", "order"])
    twin.save()
    _record(kind, name_of(twin), name_of(row), by)
    _tell(kind, twin, row)
    Story.objects.filter(pk__in=stories).judge()
    touch(stories)


def _repoint(twin: Model, row: Model, by: Actor) -> None:
    """Have everything that refers to the twin refer to the other: as if their events were read anew.

    A secret that opened the twin opens the other now, and the audit log says so.
    """
    for relation in twin._meta.related_objects:
        if relation.related_model is type(twin):
            continue
        name = relation.field.name
        others = relation.related_model._default_manager  # type: ignore[union-attr]
        if relation.many_to_many:
            for other in others.filter(**{name: twin}):
                getattr(other, name).add(row)
                getattr(other, name).remove(twin)
            continue
        if relation.one_to_one and others.filter(**{name: row}).exists():
            others.filter(**{name: twin}).delete()
        _drop_doubles(relation.related_model, name, twin, row)
        moved = [each for each in _secrets_of(relation.related_model, name, twin) if each.is_open]
        others.filter(**{name: twin}).update(**{name: row})
        for each in moved:
            setattr(each, name, row)
            each.note_merge(str(twin), str(row), by=by)


def _secrets_of(model: Any, name: str, twin: Model) -> list[Any]:
    """Return the secrets of this kind that open the twin; none if it is no kind of secret."""
    if not issubclass(model, IssuedSecret):
        return []
    return list(model._default_manager.filter(**{name: twin}).order_by("pk"))


def _drop_doubles(model: Any, name: str, twin: Model, row: Model) -> None:
    """Delete what is said of the twin and of the other, where it may be said once."""
    for constraint in model._meta.constraints:
        fields = getattr(constraint, "fields", ())
        if name not in fields:
            continue
        same = {each: OuterRef(each) for each in fields if each != name}
        doubles = model._default_manager.filter(Exists(model._default_manager.filter(**same, **{name: row})))
        # A rule about both of them is one about the same thing now.
        both = [Q(**{each: row}) for each in same if model._meta.get_field(each).related_model is type(row)]
        model._default_manager.filter(reduce(or_, both, Q(pk__in=doubles.values("pk"))), **{name: twin}).delete()


def _rename_by_hand(kind: str, name: str, into: str) -> list[int]:
    """Have evidence by hand name the other one; return the ids of its stories."""
    rows = Evidence.objects.filter(by_hand=True, **{kind: name})
    stories = list(rows.order_by().values_list("story_id", flat=True).distinct())
    rows.update(**{kind: into})
    return stories


def _check_one_owner(twin: Service, row: Service) -> None:
    if twin.squad_id and row.squad_id and twin.squad_id != row.squad_id:
        raise ValidationError(
            {"into": f"{twin.squad} owns {twin.name} and {row.squad} owns {row.name}. One squad has to own both first."}
        )


def _forget_parts(twin: Service) -> None:
    """Delete what whole repositories deployed of this part: it is told again, of the service that goes on."""
    if RepositoryPart.objects.filter(service=twin).exists():
        for model, kind in ((Deployment, "deployment"), (AcceptanceRun, "acceptance")):
            for key in model._default_manager.filter(service=twin).values_list("key", flat=True):
                delete_attempts(model, kind, part_key(key, twin.name))


def _tell(kind: str, twin: Any, row: Any) -> None:
    if kind == "environment":
        # What says that it is there, or deleted, is kept under one spelling.
        told = Fact.objects.filter(kind="environment", key__in=(twin.key, row.key))
        replay(told.values_list("event_id", flat=True).distinct())
        publish(EnvironmentSaved(ids=[twin.pk, row.pk]))
        services, stories = environments.services_at(row), environments.stories_checked_at(row)
        publish(EnvironmentChanged(id=row.pk, services=services, stories=stories))
        return
    repositories = Repository.objects.filter(service=row) | Repository.objects.filter(parts__service=row)
    publish(ServiceSaved(ids=[twin.pk, row.pk]))
    ids = sorted(set(repositories.values_list("pk", flat=True)))
    publish(ServiceChanged(id=row.pk, repositories=ids))
