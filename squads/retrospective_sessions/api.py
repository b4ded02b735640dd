"""Sessions of retrospectives over the API; the same verbs as the pages call."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.models import User
from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint
from portal.kernel.request_fields import Body
from squads.retrospective_sessions import actions, contributing, moves, queries, voting
from squads.retrospective_sessions.columns import LEAVING, LONGEST_CARD, LONGEST_NAME, PHASES
from squads.retrospective_sessions.models import RetrospectiveSession
from squads.retrospective_sessions.permissions import check_in_browser, check_steering, session_at
from squads.retrospectives.permissions import check_writer, retrospective_at

COUNTED = ("discuss", "closed")


class SessionCardOut(serializers.Serializer):
    """A card after the reveal. `by` is null in an anonymous session."""

    id = serializers.UUIDField()
    section = serializers.CharField()
    text = serializers.CharField()
    by = serializers.CharField(source="signature.person.username", allow_null=True, default=None)


class CardGroupOut(serializers.Serializer):
    """Cards that belong together. `votes` is null until they are counted, `added_to` the section they were added to."""

    id = serializers.UUIDField(source="group.pk")
    section = serializers.CharField(source="group.section")
    name = serializers.CharField(source="group.name")
    votes = serializers.IntegerField(allow_null=True)
    yours = serializers.IntegerField(source="mine", help_text="your votes for it")
    added_to = serializers.CharField(source="group.added_to")
    cards = SessionCardOut(many=True)


class SessionOut(serializers.ModelSerializer):
    """A session: its phase, its rules, and, after the reveal, its groups of cards."""

    facilitator = serializers.CharField(source="retrospective.facilitator.username", allow_null=True, default=None)
    sections = serializers.ListField(child=serializers.CharField(), help_text="the sections that take cards")
    votes_left = serializers.IntegerField()
    votes_over = serializers.IntegerField(
        help_text="how many more you gave than you may, since the limit was lowered; they aren’t counted"
    )
    groups = CardGroupOut(many=True)

    class Meta:
        model = RetrospectiveSession
        fields = [
            "phase",
            "anonymous",
            "for_readers",
            "facilitator",
            "sections",
            "votes_each",
            "votes_on_one",
            "votes_left",
            "votes_over",
            "ends_at",
            "contributors",
            "version",
            "groups",
        ]
        read_only_fields = fields


class SessionIn(Body):
    """Open a session. Without a facilitator, the retrospective needs one already."""

    facilitator = Chosen(
        slug_field="username", queryset=User.objects.filter(is_active=True, program_of=None), required=False
    )
    anonymous = serializers.BooleanField(required=False, default=True)
    for_readers = serializers.BooleanField(required=False, default=False)


class RulesIn(Body):
    """Rules of a session. `anonymous` can't be changed once there is a card."""

    anonymous = serializers.BooleanField(required=False)
    for_readers = serializers.BooleanField(required=False)
    votes_each = serializers.IntegerField(required=False, min_value=1, max_value=actions.MOST_VOTES)
    votes_on_one = serializers.IntegerField(required=False, min_value=1, max_value=actions.MOST_VOTES)


class PhaseIn(Body):
    """The phase to go to. `even_so` reveals cards of fewer than three contributors, who can't be anonymous."""

    phase = serializers.ChoiceField([each for each in PHASES if each in LEAVING])
    even_so = serializers.BooleanField(required=False, default=False)


class TimerIn(Body):
    """Start the timer, for minutes or until a time; give it more minutes; or stop it."""

    do = serializers.ChoiceField(["start", "extend", "stop"])
    minutes = serializers.IntegerField(required=False, min_value=1, max_value=actions.LONGEST_MINUTES)
    until = serializers.DateTimeField(required=False)


class CardIn(Body):
    """Write a card, change or remove one.

    `card` is the secret of a card, as writing it answered. With `signed` you say that you know: in a session that isn't
    anonymous, the card shows who wrote it.
    """

    do = serializers.ChoiceField(["write", "change", "remove"])
    section = serializers.CharField(required=False, max_length=40)
    text = serializers.CharField(required=False, max_length=LONGEST_CARD)
    card = serializers.CharField(required=False, max_length=contributing.LONGEST_SECRET)
    signed = serializers.BooleanField(required=False, default=False)


class CardSecret(serializers.Serializer):
    """The secret of a card that was written. Nobody can read it again."""

    card = serializers.CharField()


class MoveIn(Body):
    """Move a card from the group it was seen in to another; without `to`, into a group of its own."""

    card = serializers.UUIDField()
    leaving = serializers.UUIDField()
    to = serializers.UUIDField(required=False, allow_null=True, default=None)


class GroupNameIn(Body):
    """Name a group. With `before`, the name it was seen with, nobody's name is overwritten."""

    group = serializers.UUIDField()
    name = serializers.CharField(max_length=LONGEST_NAME, allow_blank=True)
    before = serializers.CharField(required=False, max_length=LONGEST_NAME, allow_blank=True)


class VotesIn(Body):
    """How many votes of yours a group has."""

    group = serializers.UUIDField()
    votes = serializers.IntegerField(min_value=0, max_value=actions.MOST_VOTES)


class AddedIn(Body):
    """Add a group's cards to a section of the retrospective."""

    group = serializers.UUIDField()
    section = serializers.CharField(max_length=40)


class RetrospectiveSessions(Endpoint):
    """The session of a retrospective, for those who take part: the squad, the facilitator, and people who were added.

    The squad and the facilitator steer it. Cards and votes come from people in a browser: an API token can't write them.
    """

    marks = {
        "create": "members",
        "rules": "members",
        "phase": "members",
        "timer": "members",
        "cards": "members",
        "moves": "members",
        "names": "members",
        "votes": "members",
        "notes": "members",
    }
    queryset = RetrospectiveSession.objects.none()
    serializer_class = SessionOut
    pagination_class = None
    filter_backends: list[Any] = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # When somebody was here is noted nowhere, as with the pages.
        request._request.is_unnoted = True  # type: ignore[attr-defined]
        super().initial(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        # Django would log the address and the time of what is refused.
        answer._has_been_logged = True  # type: ignore[attr-defined]
        return answer

    def _session(self) -> RetrospectiveSession:
        return session_at(self.kwargs["slug"], self.request.user)

    def _said(self, kind: type[Body]) -> dict[str, Any]:
        serializer = kind(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def _shown(self, status_code: int = status.HTTP_200_OK) -> Response:
        session = self._session()
        groups = [] if session.phase == "reflect" else queries.groups_of(session)
        standing = voting.standing_of(session, actor_of(self.request))
        for each in groups:
            each.mine = standing.votes.get(str(each.group.pk), 0)
            each.votes = each.group.votes if session.phase in COUNTED else None
        row = SessionOut(
            {
                **{name: getattr(session, name) for name in ("phase", "anonymous", "for_readers", "retrospective")},
                **{name: getattr(session, name) for name in ("votes_each", "votes_on_one", "ends_at", "contributors")},
                "version": session.version,
                "sections": [each.key for each in queries.columns_of(session.retrospective)],
                "votes_left": standing.left,
                "votes_over": standing.over,
                "groups": groups,
            }
        )
        return Response(row.data, status=status_code)

    @extend_schema(responses=SessionOut(many=False), operation_id="retrospectives_session_retrieve")
    def list(self, request: Request, slug: str) -> Response:
        """Get the session. Cards are hidden until they are revealed."""
        return self._shown()

    @extend_schema(
        request=SessionIn, responses={201: SessionOut(many=False)}, operation_id="retrospectives_session_create"
    )
    def create(self, request: Request, slug: str) -> Response:
        """Open the session. If it was opened before, nothing changes."""
        row = retrospective_at(slug, request.user)
        check_writer(row, request.user)
        actions.open_session(row, by=actor_of(request), **self._said(SessionIn))
        return self._shown(status.HTTP_201_CREATED)

    @extend_schema(request=RulesIn, responses=SessionOut(many=False))
    @action(detail=False, methods=["post"])
    def rules(self, request: Request, slug: str) -> Response:
        """Change the rules. Limits of votes can be lowered while people vote."""
        session = self._session()
        check_steering(session, request.user)
        actions.change_rules(session, by=actor_of(request), **self._said(RulesIn))
        return self._shown()

    @extend_schema(request=PhaseIn, responses=SessionOut(many=False))
    @action(detail=False, methods=["post"])
    def phase(self, request: Request, slug: str) -> Response:
        """Go to the next phase, or one back. Leaving *reflect* reveals the cards, which can't be undone."""
        session = self._session()
        check_steering(session, request.user)
        said = self._said(PhaseIn)
        actions.move_phase(session, said["phase"], by=actor_of(request), even_so=said["even_so"])
        return self._shown()

    @extend_schema(request=TimerIn, responses=SessionOut(many=False))
    @action(detail=False, methods=["post"])
    def timer(self, request: Request, slug: str) -> Response:
        """Start, extend or stop the timer of a phase."""
        session = self._session()
        check_steering(session, request.user)
        said, by = self._said(TimerIn), actor_of(request)
        if said["do"] == "stop":
            actions.stop_timer(session, by=by)
        elif said["do"] == "extend":
            actions.extend_timer(session, by=by, minutes=said.get("minutes", 0))
        else:
            actions.start_timer(session, by=by, minutes=said.get("minutes"), until=said.get("until"))
        return self._shown()

    @extend_schema(request=CardIn, responses=CardSecret)
    @action(detail=False, methods=["post"])
    def cards(self, request: Request, slug: str) -> Response:
        """Write, change or remove a card while cards are hidden. Sessions of a browser only."""
        session, by = self._session(), actor_of(request)
        check_in_browser(session, by)
        said = self._said(CardIn)
        secret, text = said.get("card", ""), said.get("text", "")
        made = "-" * len(contributing.new_secret())
        if said["do"] == "write":
            section = said.get("section", "")
            made = contributing.write_card(session, by=by, section=section, text=text, signed=said["signed"])
        elif said["do"] == "change":
            contributing.change_card(session, by=by, secret=secret, text=text)
        else:
            contributing.remove_card(session, by=by, secret=secret)
        return Response({"card": made})

    @extend_schema(request=MoveIn, responses=SessionOut(many=False))
    @action(detail=False, methods=["post"])
    def moves(self, request: Request, slug: str) -> Response:
        """Move a card to another group. 409 if somebody else moved it first."""
        session, said = self._session(), self._said(MoveIn)
        moves.move_card(session, said["card"], by=actor_of(request), leaving=said["leaving"], to=said["to"])
        return self._shown()

    @extend_schema(request=GroupNameIn, responses=SessionOut(many=False))
    @action(detail=False, methods=["post"])
    def names(self, request: Request, slug: str) -> Response:
        """Name a group."""
        session, said = self._session(), self._said(GroupNameIn)
        before = said.get("before")
        moves.name_group(session, said["group"], by=actor_of(request), name=said["name"], before=before)
        return self._shown()

    @extend_schema(request=VotesIn, responses=SessionOut(many=False))
    @action(detail=False, methods=["post"])
    def votes(self, request: Request, slug: str) -> Response:
        """Have your votes for a group be so many. Sessions of a browser only."""
        session, by = self._session(), actor_of(request)
        check_in_browser(session, by)
        said = self._said(VotesIn)
        voting.vote(session, said["group"], by=by, votes=said["votes"])
        return self._shown()

    @extend_schema(request=AddedIn, responses=SessionOut(many=False))
    @action(detail=False, methods=["post"])
    def notes(self, request: Request, slug: str) -> Response:
        """Add a group's cards to a section of the retrospective, as a list below its text."""
        session = self._session()
        check_writer(session.retrospective, request.user)
        said = self._said(AddedIn)
        actions.add_to_section(session, said["group"], by=actor_of(request), section=said["section"])
        return self._shown()
