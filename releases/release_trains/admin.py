"""Admin pages of release trains; they are changed on their own pages."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.release_trains.models import Departure, ReleaseTrain, TrainEdit


@admin.register(ReleaseTrain)
class ReleaseTrains(ReadOnly):
    list_display = ["line", "pattern", "weekday", "weeks", "state", "problem"]
    search_fields = ["line", "pattern"]


@admin.register(Departure)
class Departures(ReadOnly):
    list_display = ["train", "day", "release", "by", "at"]
    search_fields = ["train__line"]
    list_select_related = ["train", "release", "by"]


@admin.register(TrainEdit)
class TrainEdits(ReadOnly):
    list_display = ["train", "version", "by", "at"]
    search_fields = ["train__line"]
    list_select_related = ["train", "by"]
