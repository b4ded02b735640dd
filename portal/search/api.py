"""Finding anything, for programs."""

from typing import Any

from django.utils.html import strip_tags
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.api import Endpoint
from portal.search import queries
from portal.search.operators import OPERATORS


class FoundThing(serializers.Serializer):
    """One result."""

    kind = serializers.ChoiceField(choices=list(queries.KINDS))
    key = serializers.CharField(help_text="Its short name: PAY-12, 5.10, prod-eu, the start of a sha.")
    title = serializers.CharField()
    excerpt = serializers.CharField(help_text="The part of its text that matches, if any.")
    url = serializers.CharField(help_text="The full address of its page.")


class Search(Endpoint):
    """Finds stories, releases, squads, services, environments, people, sources, comments, changes and branches by the start
    of any word. Operators narrow the search: squad:payments is:blocked release:5.10 type:defect."""

    serializer_class = FoundThing
    filter_backends = []
    parameters = ("q", "kind", "ended")
    # Nothing is read through it, but the router wants to know what this is about.
    queryset = None

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "q",
                str,
                required=True,
                description=f"The text to find, with operators if you like: {', '.join(f'{each}:' for each in OPERATORS)}.",
            ),
            OpenApiParameter("kind", str, enum=list(queries.KINDS), many=True, description="Only these kinds."),
            OpenApiParameter(
                "ended",
                str,
                enum=["with"],
                description="Without it, cancelled stories, duplicates and those of archived squads are found by key only.",
            ),
        ],
        responses=FoundThing(many=True),
    )
    def list(self, request: Request) -> Response:
        """Find anything. The best matches of each kind come first, stories before releases and so on."""
        kinds = [each for each in request.query_params.getlist("kind") if each]
        if strange := set(kinds) - set(queries.KINDS):
            raise serializers.ValidationError(
                {"kind": f"There is no kind “{min(strange)[:40]}”. Choose from {', '.join(queries.KINDS)}."}
            )
        ended = request.query_params.get("ended", "")
        if ended not in ("", "with"):
            raise serializers.ValidationError({"ended": "Use “with”, or leave it out."})
        found = queries.find(
            request.query_params.get("q", ""), kinds or tuple(queries.KINDS), me=request.user, ended=bool(ended)
        )
        if found.problem:
            raise serializers.ValidationError({"q": found.problem})
        page: Any = self.paginate_queryset(found.hits)  # type: ignore[arg-type]
        rows = [
            {
                "kind": hit.kind,
                "key": hit.key,
                "title": hit.plain,
                "excerpt": strip_tags(hit.excerpt),
                "url": request.build_absolute_uri(hit.url),
            }
            for hit in page
        ]
        return self.get_paginated_response(FoundThing(rows, many=True).data)
