"""Admin pages of what was forecast."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.forecasts.models import DailyForecast


@admin.register(DailyForecast)
class DailyForecasts(ReadOnly):
    list_display = ["release", "day", "target", "p50", "p85", "later_than", "rodeo_done", "total", "refused"]
    list_select_related = ["release"]
    list_filter = ["day"]
