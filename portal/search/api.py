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
    """One thing that was found."""

    kind = serializers.ChoiceField(choices=list(queries.KINDS))
    key = serializers.CharField(help_text="What it is called in short: PAY-12, 5.10, prod-eu, the start of a sha.")
    title = serializers.CharField()
    excerpt = serializers.CharField(help_text="Where the words stand in what is written about it, if they do.")
    url = serializers.CharField(help_text="Its page; absolute.")


class Search(Endpoint):
    """Stories, releases, squads, services, environments, people, sources, comments, changes and branches by any word that
    begins as was typed. Operators narrow it: squad:payments is:blocked release:5.10 type:defect."""

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
                description=f"What to look for: any text, and operators: {', '.join(f'{each}:' for each in OPERATORS)}.",
            ),
            OpenApiParameter("kind", str, enum=list(queries.KINDS), many=True, description="Only these kinds."),
            OpenApiParameter(
                "ended",
                str,
                enum=["with"],
                description="Cancelled stories, duplicates and those of archived squads are found by key only; so, by any word.",
            ),
        ],
        responses=FoundThing(many=True),
    )
    def list(self, request: Request) -> Response:
        """Find anything. The best of each kind comes first, stories before releases and so on."""
        kinds = [each for each in request.query_params.getlist("kind") if each]
        if strange := set(kinds) - set(queries.KINDS):
            raise serializers.ValidationError(
                {"kind": f"There is no kind “{min(strange)[:40]}”. Choose from {', '.join(queries.KINDS)}."}
            )
        ended = request.query_params.get("ended") == "with"
        found = queries.find(
            request.query_params.get("q", ""), kinds or tuple(queries.KINDS), me=request.user, ended=ended
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
