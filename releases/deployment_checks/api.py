"""The door of scripts and of Argo Rollouts, and what was asked, over the API."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.actions import LIFETIMES
from portal.accounts.models import ApiToken
from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, Secrets, named_by, secrets_schema
from portal.kernel.api_schema import Objected
from portal.kernel.problems import MEDIA_TYPE, problem
from portal.kernel.request_fields import Body
from releases.deployment_checks import actions, queries
from releases.deployment_checks.actions import Answer
from releases.deployment_checks.answering import address_of
from releases.deployment_checks.authentication import CheckTokens, MayAsk
from releases.deployment_checks.models import Asker, CheckToken, DeploymentCheck
from releases.deployment_checks.queries import Question
from releases.gates.findings import FAILED
from releases.planning.models import Release
from releases.readiness.documents import document
from squads.models import Service

# Of all codes that make curl fail, the one that nothing else here answers with: a condition for deploying doesn’t hold.
NOT_READY = status.HTTP_412_PRECONDITION_FAILED
SUCCESS, FAILURE, INCONCLUSIVE = "success", "failure", "inconclusive"


class QuestionIn(Body):
    """What is to be deployed. Of a service: a commit, tag, version or digest. Or a release, with or without a service."""

    service = serializers.CharField(
        max_length=130, required=False, allow_blank=True, help_text="Its name or slug. Tokens of a service need none."
    )
    release = serializers.CharField(
        max_length=340, required=False, allow_blank=True, help_text="The slug: the last part of its address."
    )
    commit = serializers.RegexField(
        r"^[0-9a-fA-F]{7,64}$",
        required=False,
        allow_blank=True,
        help_text="At least its first 7 characters.",
        error_messages={"invalid": "A commit is 7 to 64 characters of 0-9 and a-f."},
    )
    tag = serializers.CharField(max_length=200, required=False, allow_blank=True, help_text="A tag in git.")
    version = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="The release’s version."
    )
    digest = serializers.CharField(max_length=200, required=False, allow_blank=True, help_text="Of the artifact.")
    environment = serializers.CharField(
        max_length=120, required=False, allow_blank=True, help_text="Where to; only written down."
    )
    format = serializers.CharField(max_length=10, required=False, allow_blank=True, help_text="Always json.")


class VerdictOut(serializers.Serializer):
    """Whether it may be deployed, judged when this was asked."""

    ready = serializers.BooleanField()
    verdict = serializers.CharField(help_text="ready, not_ready or unknown.")
    sentence = serializers.CharField()
    release = serializers.CharField(allow_null=True, help_text="The slug of the release that is meant.")
    services = serializers.ListField(child=serializers.CharField())
    at = serializers.DateTimeField()
    url = serializers.CharField(help_text="The page that says more.")
    readiness = serializers.JSONField(
        allow_null=True,
        help_text="The judgement that decided, gate by gate. Null for tokens of deployment checks, which learn the verdict.",
    )


class NotReadyOut(VerdictOut):
    """It may not be deployed: a problem, with the members of an answer. The gates that don’t pass are under `errors`."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = Objected(many=True)


class MeasurementOut(VerdictOut):
    """The answer for Argo Rollouts. `verdict` is success, failure or inconclusive, which pauses."""


def _shown(found: Answer, *, whole: bool) -> dict[str, Any]:
    """Return an answer. `whole`: with the judgement behind it, which names stories and people."""
    return {
        "ready": found.ready,
        "verdict": str(found.verdict),
        "sentence": found.sentence,
        "release": found.release.slug if found.release else None,
        "services": list(found.services),
        "at": found.at,
        "url": address_of(found),
        "readiness": document(found.worst) if found.worst and whole else None,
    }


def _problem(found: Answer, *, whole: bool) -> Response:
    errors = [{"code": str(found.verdict), "detail": found.sentence, "attr": None}]
    for each in found.worst.blocking if found.worst else ():
        errors.append(
            {"code": each.state, "detail": f"{each.title}: {each.reason if whole else each.state}", "attr": None}
        )
    members = problem(NOT_READY, errors, **_shown(found, whole=whole))
    return Response(members, status=NOT_READY, content_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


class DeploymentChecks(Endpoint):
    """Whether something may be deployed. Judged anew at every request, and written down."""

    serializer_class = VerdictOut
    permission_classes = [MayAsk]
    filter_backends: list[Any] = []
    pagination_class = None

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [CheckTokens(), *super().get_authenticators()]

    @extend_schema(
        parameters=[QuestionIn],
        responses={200: VerdictOut, (412, MEDIA_TYPE): NotReadyOut},
        operation_id="deployment_checks_retrieve",
    )
    def retrieve(self, request: Request) -> Response:
        """Ask whether a service may be deployed. 200 if it may, 412 if not or if that isn’t known, so that `curl --fail` stops
        the job."""
        found = actions.ask(self._question(Asker.SCRIPT))
        if not found.ready:
            return _problem(found, whole=self._may_read)
        return Response(_shown(found, whole=self._may_read), headers={"Cache-Control": "no-store"})

    @extend_schema(
        parameters=[QuestionIn], responses=MeasurementOut, operation_id="deployment_checks_argo_rollouts_retrieve"
    )
    def argo_rollouts(self, request: Request) -> Response:
        """Ask as a web metric of Argo Rollouts. Always 200. `failure` if a gate fails; while one waits or isn’t known,
        `inconclusive`."""
        found = actions.ask(self._question(Asker.ARGO_ROLLOUTS))
        fails = found.worst is not None and any(each.state == FAILED for each in found.worst.blocking)
        verdict = SUCCESS if found.ready else FAILURE if fails else INCONCLUSIVE
        shown = _shown(found, whole=self._may_read)
        return Response({**shown, "verdict": verdict}, headers={"Cache-Control": "no-store"})

    @property
    def _may_read(self) -> bool:
        """Whether who asks may read releases as well: a token of deployment checks often stands in a manifest."""
        return not isinstance(self.request.auth, CheckToken)

    def _question(self, asker: str) -> Question:
        said = QuestionIn(data=self.request.query_params.dict())
        said.is_valid(raise_exception=True)
        values = {name: value.strip() for name, value in said.validated_data.items() if name != "format"}
        asker, by, service = self._asking(asker, values.pop("service", ""))
        if service is None and not values.get("release"):
            raise ValidationError({"service": "Name the service, or the release."})
        return Question(asker, by, service=service, **values)

    def _asking(self, asker: str, name: str) -> tuple[str, str, Service | None]:
        """Return who asks, and about which service: a token of one asks about no other."""
        auth = self.request.auth
        if isinstance(auth, CheckToken):
            if why := queries.about_another(auth, name):
                raise ValidationError({"service": why})
            return asker, auth.name, auth.service
        service = queries.service_called(name) if name else None
        if name and service is None:
            raise ValidationError({"service": queries.no_service(name)})
        if isinstance(auth, ApiToken):
            return asker, auth.name, service
        return Asker.PERSON, self.request.user.username, service


class DeploymentCheckOut(serializers.ModelSerializer):
    """What somebody asked and was answered. `times` counts the same question with the same answer, up to `at`."""

    service = named_by("slug", allow_null=True)
    release = named_by("slug", allow_null=True)

    class Meta:
        model = DeploymentCheck
        fields = [
            "id",
            "asker",
            "by",
            "service",
            "release",
            "release_name",
            "named",
            "environment",
            "verdict",
            "sentence",
            "first_at",
            "at",
            "times",
        ]
        read_only_fields = fields


class ServiceChecks(mixins.ListModelMixin, Endpoint):
    """What was asked about a service, the newest first. Kept for 90 days."""

    serializer_class = DeploymentCheckOut
    filter_backends: list[Any] = []
    queryset = DeploymentCheck.objects.none()

    def get_queryset(self) -> QuerySet[DeploymentCheck]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        service = get_object_or_404(Service, slug=self.kwargs["slug"])
        return queries.checks_of(service).select_related("service").order_by("-at", "-id")


class AskedOut(serializers.Serializer):
    """A service that a release ships, and what its pipeline asked last: at all, and about this release."""

    service = serializers.CharField(source="service.slug")
    never_asked = serializers.BooleanField(
        source="never", help_text="No pipeline of it ever asked, so nothing stops it."
    )
    last = DeploymentCheckOut(allow_null=True)
    about_this_release = DeploymentCheckOut(source="here", allow_null=True)


class ReleaseChecks(Endpoint):
    """Whether the pipelines of the services that a release ships ask before they deploy."""

    serializer_class = AskedOut
    filter_backends: list[Any] = []
    queryset = DeploymentCheck.objects.none()

    @extend_schema(responses=AskedOut(many=True), operation_id="releases_deployment_checks_list")
    def list(self, request: Request, slug: str) -> Response:
        """List the services that a release ships; those whose pipeline never asked come first."""
        page = self.paginate_queryset(queries.asked_about(get_object_or_404(Release, slug=slug)))
        return self.get_paginated_response(AskedOut(page, many=True).data)


class CheckTokenOut(serializers.ModelSerializer):
    """A token that asks whether a service may be deployed, and can do nothing else."""

    service = named_by("slug")
    created_by = named_by("username")
    revoked_by = named_by("username", allow_null=True)

    class Meta:
        model = CheckToken
        fields = [
            "id",
            "service",
            "name",
            "start",
            "created_by",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
            "revoked_by",
        ]
        read_only_fields = fields


class NewCheckTokenOut(CheckTokenOut):
    """A new token, which is shown only once."""

    token = serializers.SerializerMethodField()

    class Meta(CheckTokenOut.Meta):
        fields = [*CheckTokenOut.Meta.fields, "token"]
        read_only_fields = fields

    def get_token(self, token: CheckToken) -> str:
        return str(self.context["secret"])


class CheckTokenIn(Body):
    """Where a token is used, and when it expires."""

    name = serializers.CharField(max_length=80)
    days = serializers.ChoiceField(choices=list(LIFETIMES))


@secrets_schema(
    CheckTokenIn,
    NewCheckTokenOut,
    operation="services_deployment_check_tokens",
    create="Create a token. The answer has it, shown only once.",
    destroy="Revoke a token. It stays in the list.",
)
class ServiceCheckTokens(Secrets):
    """Tokens that ask about a service. Leads of the squad that owns it create and revoke them."""

    marks = {"create": "leads", "destroy": "leads"}
    serializer_class, body, shown_once = CheckTokenOut, CheckTokenIn, NewCheckTokenOut
    queryset = CheckToken.objects.none()

    def get_queryset(self) -> QuerySet[CheckToken]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return queries.tokens_of(self._service())

    def _service(self) -> Service:
        return get_object_or_404(Service.objects.select_related("squad"), slug=self.kwargs["slug"])

    def of(self) -> Service:
        """Return the service, for whoever leads its squad."""
        service = self._service()
        actions.check_owner(service, actor_of(self.request))
        return service

    def issue(self, of: Service, **said: Any) -> tuple[CheckToken, str]:
        """Create a token."""
        return actions.create_token(of, by=actor_of(self.request), **said)
