"""The feed of published retrospectives (Atom): what everyone can read who may read at all."""

from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.http import require_safe

from portal.kernel.policy import reading
from squads.retrospectives.models import Retrospective
from squads.retrospectives.sections import KINDS

MOST = 30


class Newest(Feed):
    """The newest retrospectives. An entry keeps its id for ever, and is new only when its text changed."""

    feed_type = Atom1Feed
    title = "Retrospectives"
    subtitle = "What our squads learned"

    def link(self) -> str:
        """Return where they are read."""
        return reverse("squads:retrospective_pages:list")

    def feed_url(self) -> str:
        """Return where the feed is."""
        return str(settings.RODEO_BASE_URL + reverse("squads:retrospective_pages:feed"))

    def feed_guid(self) -> str:
        """Return what the feed is called by programs, whatever its address."""
        return uuid5(NAMESPACE_URL, f"{settings.RODEO_BASE_URL}/retrospectives/").urn

    def items(self) -> Any:
        """Return the newest that everyone can read."""
        return Retrospective.objects.public().select_related("squad").newest()[:MOST]

    def item_title(self, item: Any) -> str:
        return str(item.title)

    def item_description(self, item: Any) -> str:
        return str(item.lead)

    def item_link(self, item: Any) -> str:
        return settings.RODEO_BASE_URL + str(item.get_absolute_url())

    def item_guid(self, item: Any) -> str:
        return f"urn:uuid:{item.pk}"

    def item_author_name(self, item: Any) -> str:
        """Return the squad: people stand in no feed."""
        return str(item.squad.name)

    def item_categories(self, item: Any) -> list[str]:
        return [KINDS[item.kind]]

    def item_pubdate(self, item: Any) -> datetime | None:
        when: datetime | None = item.published_at
        return when

    def item_updateddate(self, item: Any) -> datetime:
        when: datetime = item.changed_at
        return when


_feed = Newest()


@reading
@require_safe
def feed(request: HttpRequest) -> HttpResponse:
    """The newest published retrospectives, for feed readers."""
    return _feed(request)
