"""Keeping what was said of releases, views of the overview, and mailing it once a week."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import transaction
from django.http import QueryDict
from django.urls import reverse

from portal.kernel import clock, days
from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from portal.kernel.mail import send_soon
from portal.kernel.outages import at_once_or_apart, each_apart, named
from portal.kernel.sentences import counted
from releases.forecasts.models import DailyForecast
from releases.forecasts.sentences import said_date
from releases.overview import queries
from releases.overview.filters import Asked
from releases.overview.models import DailyReadiness, ReadinessDigest, ReadinessView
from releases.overview.queries import Row
from releases.planning.models import Release

MOST_VIEWS, LONGEST_NAME = 30, 60
# So many releases are judged at once, and so many stand in a mail.
AT_ONCE, MOST_MAILED = 50, 50
# On Mondays, in the company.
MAILED_FROM = time(6)


def keep_daily() -> int:
    """Keep what is said today of every open release; return of how many. What was kept earlier the same day is replaced.

    Safe to run at any time, any number of times, and to kill.
    """
    releases = list(queries.open_releases())
    failed = [
        each
        for start in range(0, len(releases), AT_ONCE)
        for each in at_once_or_apart("what is said today of", releases[start : start + AT_ONCE], _keep)
    ]
    return len(releases) - len(failed)


def _keep(releases: Sequence[Release]) -> None:
    now = clock.now()
    rows = [
        DailyReadiness(
            release=row.release,
            day=days.day_of(now),
            verdict=row.readiness.verdict,
            blockers=row.blocking,
            rodeo_done=row.rodeo_done,
            total=row.total,
            at=now,
        )
        for row in queries.rows_of(releases)
    ]
    DailyReadiness.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["release", "day"],
        update_fields=["verdict", "blockers", "rodeo_done", "total", "at"],
    )


@transaction.atomic
def save_view(*, by: Actor, name: str, query: str) -> ReadinessView:
    """Keep a filter of the overview under a name. The same name again replaces it.

    Raises ValidationError naming the field for a name that is none, without a filter, and for more than MOST_VIEWS.
    """
    name = " ".join(name.replace("\0", "").split())
    if not name or len(name) > LONGEST_NAME:
        raise ValidationError({"name": f"Give the view a name of 1 to {LONGEST_NAME} characters."})
    asked = Asked.read(QueryDict(query))
    if not asked:
        raise ValidationError({"query": "Set a filter first, then save the view."})
    hold(f"readiness views of {by.pk}")
    mine = ReadinessView.objects.filter(owner=by)
    if not mine.filter(name=name).exists() and mine.count() >= MOST_VIEWS:
        raise ValidationError({"name": f"You already have {MOST_VIEWS} views. Delete one first."})
    return ReadinessView.objects.update_or_create(owner=by, name=name, defaults={"query": asked.query[:1000]})[0]


def set_digest(*, by: Actor, wanted: bool) -> None:
    """Have the overview mailed to a person once a week, from the next Monday on, which may be today; or no longer.

    Asking again changes nothing: a mail that waits still comes.
    """
    # On a Monday, that of today is still to come for whoever had none.
    week = _week(days.today() - timedelta(days=1))
    with transaction.atomic():
        ReadinessDigest.objects.get_or_create(person=by, defaults={"wanted": False, "last_week": week})
        row = ReadinessDigest.objects.select_for_update().get(person=by)
        if wanted and not row.wanted:
            row.last_week = max(row.last_week, week)
        row.wanted = wanted
        row.save(update_fields=["wanted", "last_week"])


def week_of(at: datetime) -> str:
    """Return the week whose mail is due: that of its Monday, six o'clock in the company."""
    return _week((at.astimezone(days.zone()) - timedelta(hours=MAILED_FROM.hour)).date())


def _week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def send_digests() -> int:
    """Mail the overview to everybody who wants it and had none this week; return to how many.

    Each mail is written in the same transaction that says that the person had it: killed anywhere, nobody gets two or none.
    """
    if not settings.RODEO_MAIL:
        return 0
    week = week_of(clock.now())
    due = ReadinessDigest.objects.filter(wanted=True, person__is_active=True, person__program_of=None)
    waiting = list(due.exclude(person__email="").exclude(last_week=week).select_related("person").order_by("pk"))
    if not waiting:
        return 0
    text, sent = digest_text(), []

    def send(digest: ReadinessDigest) -> None:
        if due.filter(pk=digest.pk).exclude(last_week=week).update(last_week=week):
            send_soon(EmailMessage("Readiness of releases", text, None, [digest.person.email]))
            sent.append(digest)

    each_apart("the weekly mail of", waiting, send)
    return len(sent)


def digest_text() -> str:
    """Return the overview as a mail has it, compared with a week ago."""
    releases = list(queries.open_releases()[: MOST_MAILED + 1])
    some, said = releases[:MOST_MAILED], dict[UUID, str]()

    def say(asked: Sequence[Release]) -> None:
        said.update((row.release.pk, _said(row)) for row in queries.rows_of(asked, ago=7))

    for release, error in at_once_or_apart("the weekly mail about", some, say):
        said[release.pk] = f"{release}: can’t be judged ({named(error)})"
    parts = [said[release.pk] for release in some]
    address = settings.RODEO_BASE_URL + reverse("releases:overview:list")
    if not parts:
        parts = ["There are no open releases."]
    if len(releases) > MOST_MAILED:
        parts.append(f"These are the first {MOST_MAILED} open releases.")
    return "\n\n".join([*parts, f"-- \nAll of it as it is now, and where to turn this mail off: {address}"]) + "\n"


def _forecast(forecast: DailyForecast | None) -> str:
    if forecast is None:
        return "not yet"
    if forecast.p85:
        return said_date(forecast.p85)
    return f"later than {said_date(forecast.later_than)}" if forecast.later_than else "no forecast"


def _said(row: Row) -> str:
    lines = [
        f"{row.release}: {row.readiness.words}",
        f"  {row.rodeo_done} of {counted(row.total, 'story', 'stories')} rodeo done",
    ]
    then = f" (forecast of {said_date(row.forecast_of)})" if row.forecast_of else ""
    lines.append(f"  85 % by the model: {_forecast(row.forecast)}{then}")
    if row.release.planned_for:
        late = f", {counted(row.late_days, 'day', 'days')} before that" if row.late_days else ""
        lines.append(f"  planned for {said_date(row.release.planned_for)}{late}")
    if row.blockers:
        who = ", ".join(f"{name} {count}" for name, _, count in row.blockers[:5])
        lines.append(f"  {counted(row.blocking, 'blocker', 'blockers')}: {who}")
    if row.since:
        lines.append(f"  since {said_date(row.since)}: {', '.join(row.changes) or 'no change'}")
    return "\n".join(lines)
