"""The labels of a squad over the API."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.api import Endpoint
from portal.kernel.request_fields import Body
from squads.labels import actions, queries
from squads.labels.models import LONGEST_NAME, Label
from squads.teams.models import Squad
from squads.teams.permissions import check_member


class LabelOut(serializers.ModelSerializer):
    """A label and how many stories have it."""

    count = serializers.IntegerField()

    class Meta:
        model = Label
        fields = ["id", "name", "count"]
        read_only_fields = fields


class LabelIn(Body):
    """The name of a label."""

    name = serializers.CharField(max_length=LONGEST_NAME)


class Labels(mixins.ListModelMixin, Endpoint):
    """Labels of a squad."""

    marks = {"create": "members", "partial_update": "members", "destroy": "members"}
    without_fields = frozenset({"destroy"})
    serializer_class = LabelOut
    filter_backends = []
    queryset = Label.objects.none()

    def get_queryset(self) -> Any:
        return queries.with_counts(get_object_or_404(Squad, slug=self.kwargs["slug"]))

    def _squad(self) -> Squad:
        squad = get_object_or_404(Squad, slug=self.kwargs["slug"])
        check_member(squad, self.request.user, "its labels")
        return squad

    def _shown(self, label: Label, code: int = status.HTTP_200_OK) -> Response:
        return Response(LabelOut(queries.with_counts(label.squad).get(pk=label.pk)).data, status=code)

    def _name(self, request: Request) -> str:
        said = LabelIn(data=request.data)
        said.is_valid(raise_exception=True)
        return str(said.validated_data["name"])

    @extend_schema(request=LabelIn, responses={201: LabelOut}, operation_id="squads_labels_create")
    def create(self, request: Request, slug: str) -> Response:
        """Create a label. If the squad already has one with this name, that one is returned."""
        return self._shown(actions.label_named(self._squad(), self._name(request)), status.HTTP_201_CREATED)

    @extend_schema(request=LabelIn, responses=LabelOut, operation_id="squads_labels_partial_update")
    def partial_update(self, request: Request, slug: str, pk: str) -> Response:
        """Rename a label on all its stories."""
        label = get_object_or_404(self._squad().labels, pk=pk)
        return self._shown(actions.rename_label(label, self._name(request)))

    @extend_schema(responses={204: None}, operation_id="squads_labels_destroy")
    def destroy(self, request: Request, slug: str, pk: str) -> Response:
        """Remove a label from all its stories and delete it."""
        actions.remove_label(get_object_or_404(self._squad().labels, pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)
