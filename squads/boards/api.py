"""Boards of squads over the API, and what is done to their cards; the same verbs as the pages call."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel import clock
from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint
from portal.kernel.request_fields import Body, check_names
from squads.boards import filters, queries
from squads.boards.time_in_stage import stalls
from squads.judge import judgement
from squads.stories import ranking
from squads.stories.api import OfStory
from squads.stories.cards import Row, version_of
from squads.stories.models import Story
from squads.stories.queries import gap_words, owner_names
from squads.stories.serializers import ProgressField, ReasonField
from squads.teams.models import Squad


class SquadCardOut(serializers.Serializer):
    """One story on a board. `since` is when it reached its stage, or null if unknown. `stalled` means that it has been
    there longer than 85 % of the squad's finished stays."""

    key = serializers.CharField()
    title = serializers.CharField()
    type = serializers.ChoiceField(Story.Type.choices)
    assignees = serializers.ListField(child=serializers.CharField(), help_text="User names.")
    priority = serializers.ChoiceField(Story.Priority.choices)
    labels = serializers.ListField(child=serializers.CharField())
    due = serializers.DateField(allow_null=True)
    estimate = serializers.IntegerField(allow_null=True)
    rank = serializers.IntegerField(help_text="Its place among the squad's stories. The lowest comes first.")
    version = serializers.CharField(help_text="Changes whenever the card does.")
    answer = serializers.CharField()
    gaps = serializers.CharField()
    blocked_because = serializers.CharField(allow_blank=True)
    since = serializers.DateTimeField(allow_null=True)
    stalled = serializers.BooleanField()
    url = serializers.CharField()


class SquadColumnOut(serializers.Serializer):
    """One stage. People move stories among the first three. Evidence moves them further."""

    stage = serializers.ChoiceField(Story.Stage.choices)
    total = serializers.IntegerField(help_text="All stories of the squad on this stage.")
    found = serializers.IntegerField(help_text="Those that match the filter.")
    limit = serializers.IntegerField(allow_null=True, help_text="The most stories that the squad wants on this stage.")
    over = serializers.BooleanField()
    usual_seconds = serializers.FloatField(
        allow_null=True, help_text="85 % of the newest finished stays were shorter. Null with fewer than five."
    )
    usual_n = serializers.IntegerField()
    stories = SquadCardOut(many=True, help_text="At most 200; on rodeo done, the newest. `found` counts all.")


class SquadBoardOut(serializers.Serializer):
    """The board of a squad."""

    squad = serializers.CharField()
    version = serializers.CharField()
    left_out = serializers.CharField(help_text="How many cancelled stories and duplicates are left out, as a text.")
    columns = SquadColumnOut(many=True)


class PlaceIn(Body):
    """The new place: after or before another story of the squad, or up, down, top or bottom of its column. `to` moves it."""

    to = ProgressField(required=False)
    after = serializers.CharField(required=False, max_length=20)
    before = serializers.CharField(required=False, max_length=20)
    where = serializers.ChoiceField([(each, each) for each in ranking.WHERE], required=False)
    because = ReasonField(required=False, allow_blank=True)


class BlockIn(Body):
    """What the story is waiting for."""

    because = ReasonField()


class PlaceOut(serializers.Serializer):
    """The story's place and stage now."""

    key = serializers.CharField()
    progress = serializers.ChoiceField(Story.Progress.choices)
    stage = serializers.ChoiceField(Story.Stage.choices)
    rank = serializers.IntegerField()
    blocked_because = serializers.CharField(allow_blank=True)


FILTERS = [
    OpenApiParameter(name, str, description=said)
    for name, said in {
        "release": "Its slug.",
        "type": "",
        "assignee": "A user name, me, or none for unassigned stories.",
        "label": "Its name.",
        "priority": "urgent, high, normal or low.",
        "person": "Who created it, or moved it to in progress.",
        "service": "Its name.",
        "q": "The start of a key, or part of a title.",
        "blocked": "1 shows only blocked ones.",
        "stalled": "1 shows only stalled ones.",
    }.items()
]


class Boards(Endpoint):
    """Boards of squads."""

    serializer_class = SquadBoardOut
    queryset = Squad.objects.all()
    filter_backends = []
    pagination_class = None

    @extend_schema(responses=SquadBoardOut, parameters=FILTERS, operation_id="squads_board_retrieve")
    def retrieve(self, request: Request, slug: str) -> Response:
        """Show the board of a squad, or the stories that match the filters. Long columns are cut off."""
        squad = get_object_or_404(Squad, slug=slug)
        check_names(list(request.query_params), [*(each.name for each in FILTERS), "format"], "parameter")
        made = queries.board(squad, filters.read(dict(request.query_params.lists())), drawn=False, me=request.user)
        at = clock.now()
        owners = owner_names(row.standing for column in made.columns for row in column.rows)

        def card(row: Row, column: queries.Column) -> dict[str, Any]:
            known = {column.stage: column.usual} if column.usual else {}
            return {
                "key": row.key,
                "title": row.title,
                "type": row.type,
                "priority": row.priority,
                "labels": row.labels,
                "due": row.due,
                "estimate": row.estimate,
                "assignees": [each.username for each in row.people],
                "rank": row.rank,
                "version": version_of(row),
                "answer": judgement.say(row.standing, at=at, owners=owners, squad=squad.name),
                "gaps": gap_words(row.standing),
                "blocked_because": row.blocked_because,
                "since": row.since,
                "stalled": stalls(row.stage, row.since, at, known),
                "url": f"/stories/{row.key}/",
            }

        columns = [
            {
                "stage": column.stage,
                "total": column.total,
                "found": column.found,
                "limit": column.limit,
                "over": column.over,
                "usual_seconds": column.usual.seconds if column.usual else None,
                "usual_n": column.usual.n if column.usual else 0,
                "stories": [card(row, column) for row in column.rows],
            }
            for column in made.columns
        ]
        board = {"squad": squad.slug, "version": made.version, "left_out": made.left_out, "columns": columns}
        return Response(SquadBoardOut(board).data)


class Places(OfStory):
    """Moving stories on their squad's board, and blocking them."""

    marks = {"place": "members", "block": "members", "unblock": "members"}
    without_fields = frozenset({"unblock"})
    serializer_class = PlaceOut
    queryset = Story.objects.all()
    pagination_class = None

    @extend_schema(request=PlaceIn, responses=PlaceOut, operation_id="stories_place_create")
    def place(self, request: Request, key: str) -> Response:
        """Change a story's place on its board, or move it between to do, in progress and dev done.

        409 if someone else moved it first, or if evidence has taken it further.
        """
        story = self.own_story()
        said = PlaceIn(data=request.data)
        said.is_valid(raise_exception=True)
        return Response(PlaceOut(ranking.place(story, by=actor_of(request), **said.validated_data)).data)

    @extend_schema(request=BlockIn, responses=PlaceOut, operation_id="stories_block_create")
    def block(self, request: Request, key: str) -> Response:
        """Block a story, saying what it is waiting for. 409 if it is already blocked."""
        story = self.own_story()
        said = BlockIn(data=request.data)
        said.is_valid(raise_exception=True)
        return Response(PlaceOut(ranking.block(story, by=actor_of(request), **said.validated_data)).data)

    @extend_schema(request=None, responses=PlaceOut, operation_id="stories_unblock_create")
    def unblock(self, request: Request, key: str) -> Response:
        """Unblock a story. 409 if it is not blocked."""
        return Response(PlaceOut(ranking.unblock(self.own_story(), by=actor_of(request))).data)
