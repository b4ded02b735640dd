"""The page of a release's forecast, and the stories that its numbers were counted from."""

from datetime import timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from portal.kernel import days
from portal.kernel.paging import page_of
from portal.kernel.policy import reading
from portal.kernel.text_input import given
from releases.forecasts import history, queries, sentences
from releases.forecasts.bootstrap import DAYS
from releases.forecasts.growth import FEWEST_RELEASES
from releases.forecasts.picture import picture
from releases.planning.models import Release
from releases.planning.views import at_former_addresses
from squads.models import Squad, Story
from squads.teams.permissions import may_plan
from squads.teams.queries import left_out

# So many days are shown of how a forecast moved.
DAYS_SHOWN = 14


@reading
@require_safe
@at_former_addresses
def forecast(request: HttpRequest, slug: str) -> HttpResponse:
    """When a release will be rodeo done; `without` names stories to leave out."""
    release = get_object_or_404(Release, slug=slug)
    found = queries.forecast_of(release)
    choice = queries.chosen(request.GET.getlist("without"), found.scope)
    instead = queries.forecast_of(release, found.today, choice.keys) if choice.keys else None
    page = page_of(request, found.scope.left)
    shown = {story.key for story in page}
    context = {
        "release": release,
        "writable": may_plan(request.user),
        "forecast": found,
        "headline": sentences.headline(found),
        "even": sentences.even_chance(found),
        "target": sentences.target(found),
        "picture": picture(found, f"How likely {release} is rodeo done by each day"),
        "page": page,
        "choice": choice,
        "elsewhere": [key for key in choice.keys if key not in shown],
        "difference": sentences.difference(found, instead, choice.keys) if instead else "",
        "since": found.today - timedelta(days=found.weeks * DAYS),
        "until": found.today - timedelta(days=1),
        "zone": days.zone().key,
        "records": [
            (record, record.finished_in(found.today, found.weeks), record.whole_weeks(found.today))
            for record in found.records
        ],
        "weeks": _weeks(found),
        "fewest_releases": FEWEST_RELEASES,
        "left_out": left_out(Story.objects.filter(release=release)),
        "daily": queries.daily(release, DAYS_SHOWN),
    }
    return render(request, "releases/forecasts/forecast.html", context)


def _weeks(found: queries.Forecast) -> list[tuple[object, list[int]]]:
    """Return the weeks that were drawn from, the newest first: the first day, and what each squad finished."""
    columns = [record.weeks(found.today, found.weeks) for record in found.records]
    first = found.today - timedelta(days=found.weeks * DAYS)
    return [
        (first + timedelta(days=week * DAYS), [sum(column[week]) for column in columns])
        for week in reversed(range(found.weeks))
    ]


@reading
@require_safe
@at_former_addresses
def finished(request: HttpRequest, slug: str) -> HttpResponse:
    """The stories that a squad (`squad`, its slug) finished in the weeks that a forecast rests on."""
    release = get_object_or_404(Release, slug=slug)
    owner = get_object_or_404(Squad, slug=given(request.GET, "squad"))
    found = queries.forecast_of(release)
    record = next((each for each in found.records if each.slug == owner.slug), None)
    if record is None:
        raise Http404
    since = found.today - timedelta(days=found.weeks * DAYS)
    page = page_of(request, history.stories_finished(owner, since, found.today))
    context = {"release": release, "squad": owner, "record": record, "page": page, "since": since}
    context |= {"writable": may_plan(request.user), "until": found.today - timedelta(days=1), "zone": days.zone().key}
    return render(request, "releases/forecasts/finished.html", context)
