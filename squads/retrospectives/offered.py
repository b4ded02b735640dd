"""What lists of retrospectives can be narrowed by: squads, services, severities, themes and years that there are."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Exists, F, OuterRef

from portal.kernel.actors import Anyone
from portal.kernel.among import Among, Given
from portal.kernel.one_query import Asked, Together, number, text
from squads.retrospectives.models import Retrospective, RetrospectiveTheme
from squads.teams.models import Service, Squad

MOST_OFFERED = 200


@dataclass(frozen=True, slots=True)
class Offered:
    """What lists can be narrowed by: what there is among what this person can read."""

    squads: list[tuple[str, str]]
    services: list[tuple[str, str]]
    severities: list[str]
    themes: list[str]
    years: list[int]
    # Which of these are more than are offered, in words.
    cut: list[str] = field(default_factory=list)


def _public_parts() -> list[Asked]:
    public, through = Retrospective.objects.public().order_by(), Retrospective.services.through._default_manager
    themes = RetrospectiveTheme.objects.order_by()
    closed = Retrospective.objects.not_public().order_by()
    return [
        Asked(Squad.objects.filter(Exists(public.filter(squad=OuterRef("pk")))), {"name": text, "slug": text}),
        Asked(
            Service.objects.filter(
                Exists(
                    through.filter(
                        service=OuterRef("pk"), retrospective__restricted=False, retrospective__state="published"
                    )
                )
            ),
            {"name": text, "slug": text},
        ),
        Asked(public.values("severity", "year").distinct(), {"severity": text, "year": number}),
        # How often a theme is used in public is how often it's used less how often it is elsewhere, which are few.
        Asked(themes.values("name").annotate(n=Count("pk")), {"name": text, "n": number}),
        Asked(
            themes.filter(retrospective__in=closed).values("name").annotate(n=Count("pk")), {"name": text, "n": number}
        ),
    ]


def _other_parts() -> list[Asked]:
    among = Among(F("retrospective"), Given("ids"))
    return [
        Asked(Squad.objects.filter(Among(F("pk"), Given("squads"))), {"name": text, "slug": text}),
        Asked(
            Retrospective.services.through._default_manager.filter(among),
            {"service__name": text, "service__slug": text},
        ),
        Asked(
            RetrospectiveTheme.objects.filter(among).order_by().values("name").annotate(n=Count("pk")),
            {"name": text, "n": number},
        ),
    ]


PUBLIC_PARTS, OTHER_PARTS = Together(_public_parts), Together(_other_parts)


def offered(reader: Anyone) -> Offered:
    """Return what this person can narrow a list by: by what is public, and by what else they can read.

    Two queries, a third one for who can read more. What is public is the same for everyone, and most of it.
    """
    squads, services, pairs, used, elsewhere = PUBLIC_PARTS.rows()
    named = Counter(dict(used))
    named.subtract(dict(elsewhere))
    rest: list[Any] = []
    if reader.is_authenticated:
        mine = Retrospective.objects.readable_by(reader).not_public().order_by()
        rest = list(mine.values_list("pk", "squad", "severity", "year"))
    if rest:
        ids, own = [row[0] for row in rest], {row[1] for row in rest}
        their_squads, their_services, their_themes = OTHER_PARTS.rows(ids=ids, squads=own)
        squads, services = [*squads, *their_squads], [*services, *their_services]
        pairs += [(severity, year) for _, _, severity, year in rest]
        named.update(dict(their_themes))
    most = sorted(((name, n) for name, n in named.items() if n > 0), key=lambda each: (-each[1], each[0]))
    every = {
        "first {} squads": sorted(set(squads)),
        "first {} services": sorted(set(services)),
        "first {} severities": sorted({severity for severity, _ in pairs} - {""}),
        "{} most used themes": [name for name, _ in most],
    }
    first: list[list[Any]] = [each[:MOST_OFFERED] for each in every.values()]
    cut = [words.format(MOST_OFFERED) for words, each in every.items() if len(each) > MOST_OFFERED]
    years = sorted({year for _, year in pairs}, reverse=True)
    return Offered(first[0], first[1], first[2], sorted(first[3]), years, cut)
