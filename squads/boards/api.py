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
from squads.boards import actions, queries
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
    """One story on a board. `since` is when it came to its stage, null where nobody knows; `stalled`: longer than 85 % of the
    squad's stays."""

    key = serializers.CharField()
    title = serializers.CharField()
    type = serializers.ChoiceField(Story.Type.choices)
    assignees = serializers.ListField(child=serializers.CharField(), help_text="User names.")
    priority = serializers.ChoiceField(Story.Priority.choices)
    labels = serializers.ListField(child=serializers.CharField())
    due = serializers.DateField(allow_null=True)
    estimate = serializers.IntegerField(allow_null=True)
    rank = serializers.IntegerField(help_text="Its place among the squad's stories, the lowest first.")
    version = serializers.CharField(help_text="Changes with what the card shows.")
    answer = serializers.CharField()
    gaps = serializers.CharField()
    blocked_because = serializers.CharField(allow_blank=True)
    since = serializers.DateTimeField(allow_null=True)
    stalled = serializers.BooleanField()
    url = serializers.CharField()


class SquadColumnOut(serializers.Serializer):
    """One stage: people move stories among the first three, evidence moves them on."""

    stage = serializers.ChoiceField(Story.Stage.choices)
    total = serializers.IntegerField(help_text="All stories of the squad there.")
    found = serializers.IntegerField(help_text="Those that the filter takes.")
    limit = serializers.IntegerField(allow_null=True, help_text="The most that the squad wants there at a time.")
    over = serializers.BooleanField()
    usual_seconds = serializers.FloatField(
        allow_null=True, help_text="85 % of the newest finished stays there were shorter; null below five of them."
    )
    usual_n = serializers.IntegerField()
    stories = SquadCardOut(many=True, help_text="At most 200, of rodeo done the newest 30; `found` counts all.")


class SquadBoardOut(serializers.Serializer):
    """The board of a squad."""

    squad = serializers.CharField()
    version = serializers.CharField()
    left_out = serializers.CharField(help_text="How many cancelled stories and duplicates are left out, in words.")
    columns = SquadColumnOut(many=True)


class PlaceIn(Body):
    """Where to: behind or before another story of the squad, or up, down, to the top or bottom of its column; `to` moves it."""

    to = ProgressField(required=False)
    after = serializers.CharField(required=False, max_length=20)
    before = serializers.CharField(required=False, max_length=20)
    where = serializers.ChoiceField([(each, each) for each in ranking.WHERE], required=False)
    because = ReasonField(required=False, allow_blank=True)


class BlockIn(Body):
    """What the story waits for."""

    because = ReasonField()


class PlaceOut(serializers.Serializer):
    """Where a story stands now."""

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
        "assignee": "Who works on it, by user name; me, or none for nobody.",
        "label": "Its name.",
        "priority": "urgent, high, normal or low.",
        "person": "Who wrote it, or moved it to in progress.",
        "service": "Its name.",
        "q": "The start of a key, or part of a title.",
        "blocked": "1: only blocked ones.",
        "stalled": "1: only stalled ones.",
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
        """Show the board of a squad, or the part of it that the filters take. What is shown of a column is bounded."""
        squad = get_object_or_404(Squad, slug=slug)
        check_names(list(request.query_params), [*(each.name for each in FILTERS), "format"], "parameter")
        made = queries.board(squad, actions.read(dict(request.query_params.lists())), drawn=False, me=request.user)
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
    """Where stories stand on their squad's board, and what blocks them."""

    marks = {"place": "members", "block": "members", "unblock": "members"}
    without_fields = frozenset({"unblock"})
    serializer_class = PlaceOut
    queryset = Story.objects.all()
    pagination_class = None

    @extend_schema(request=PlaceIn, responses=PlaceOut, operation_id="stories_place_create")
    def place(self, request: Request, key: str) -> Response:
        """Put a story elsewhere on its board, and move it to do, in progress or dev done.

        409 when somebody was first, or when evidence holds it further on.
        """
        story = self.own_story()
        said = PlaceIn(data=request.data)
        said.is_valid(raise_exception=True)
        return Response(PlaceOut(ranking.place(story, by=actor_of(request), **said.validated_data)).data)

    @extend_schema(request=BlockIn, responses=PlaceOut, operation_id="stories_block_create")
    def block(self, request: Request, key: str) -> Response:
        """Say what a story waits for. 409 when it is blocked already."""
        story = self.own_story()
        said = BlockIn(data=request.data)
        said.is_valid(raise_exception=True)
        return Response(PlaceOut(ranking.block(story, by=actor_of(request), **said.validated_data)).data)

    @extend_schema(request=None, responses=PlaceOut, operation_id="stories_unblock_create")
    def unblock(self, request: Request, key: str) -> Response:
        """Say that a story waits for nothing any more. 409 when it is not blocked."""
        return Response(PlaceOut(ranking.unblock(self.own_story(), by=actor_of(request))).data)
