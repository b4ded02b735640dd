"""Admin pages of sessions: to be looked at. Hidden cards and votes are shown to nobody, here neither."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from squads.retrospective_sessions.models import (
    Ballot,
    CardGroup,
    CardSignature,
    HiddenCards,
    RetrospectiveSession,
    SessionCard,
)


@admin.register(RetrospectiveSession)
class Sessions(ReadOnly):
    list_display = ["opened_at", "retrospective", "phase", "anonymous"]
    list_select_related = ["retrospective"]
    exclude = ["salt"]
    search_fields = ["retrospective__title"]


@admin.register(CardGroup)
class Groups(ReadOnly):
    list_display = ["session", "name", "votes"]
    list_select_related = ["session__retrospective"]


@admin.register(SessionCard)
class Cards(ReadOnly):
    list_display = ["session", "text"]
    list_select_related = ["session__retrospective"]


@admin.register(CardSignature)
class Signatures(ReadOnly):
    list_display = ["card", "person"]
    list_select_related = ["card", "person"]


class Unseen(ReadOnly):
    """Rows that nobody reads: that they are there is all that is shown."""

    list_display = ["session"]
    list_select_related = ["session__retrospective"]
    fields = ["session"]


@admin.register(HiddenCards)
class Hidden(Unseen):
    pass


@admin.register(Ballot)
class Ballots(Unseen):
    pass
