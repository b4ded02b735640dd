"""The REST API: which feature answers at which address, its schema, and its documentation."""

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from portal.dead_messages.api import DeadMessages
from portal.kernel.policy import ReadingAllowed
from portal.search.api import Search
from releases.allowed_hosts.api import AllowedHosts
from releases.bots.api import Bots
from releases.comparison.api import Comparisons
from releases.environments.api import Environments
from releases.evidence.link_api import LinkedChanges
from releases.mappings.api import MappingRules, Mergers, UnmappedNames
from releases.monorepo.api import RepositoryParts
from releases.planning.api import Releases
from releases.reading.api import Events, FailedEvents
from releases.reports.api import AcceptanceRuns, Deployments, FlagStates, Runs
from releases.required_pipelines.api import RequiredPipelinesRules
from releases.sharing.api import ReleaseLinks
from releases.sources.api import Sources
from squads.acceptance.api import AcceptanceRequests
from squads.attachments.api import Attachments
from squads.boards.api import Boards, Places
from squads.comments.api import Comments, Relations
from squads.endings.api import Endings
from squads.handovers.api import Handovers
from squads.imports.api import Imports
from squads.labels.api import Labels
from squads.stories.api import Stories
from squads.story_lists.api import ManyStories, StoryViews
from squads.teams.api import Services, Squads

router = SimpleRouter()
router.register("squads", Squads, "squad")
router.register(r"squads/(?P<slug>[-\w]+)/imports", Imports, "import")
router.register("services", Services, "service")
router.register("stories", Stories, "story")
OF_STORY = r"stories/(?P<key>[A-Za-z][A-Za-z0-9_]*-[0-9]+)"
router.register(rf"{OF_STORY}/acceptance-requests", AcceptanceRequests, "acceptance-request")
router.register(rf"{OF_STORY}/changes", LinkedChanges, "story-change")
router.register(rf"{OF_STORY}/comments", Comments, "comment")
router.register(rf"{OF_STORY}/relations", Relations, "relation")
router.register("story-views", StoryViews, "story-view")
router.register("environments", Environments, "environment")
router.register("releases", Releases, "release")
router.register(r"releases/(?P<slug>[^/]+)/links", ReleaseLinks, "release-link")
router.register("deployments", Deployments, "deployment")
router.register("runs", Runs, "run")
router.register("acceptance-runs", AcceptanceRuns, "acceptance-run")
router.register("flag-states", FlagStates, "flag-state")
router.register("sources", Sources, "source")
router.register("events", Events, "event")
router.register("allowed-hosts", AllowedHosts, "allowed-host")
router.register("bots", Bots, "bot")
router.register("mapping-rules", MappingRules, "mapping-rule")
router.register("mergers", Mergers, "merger")
router.register("repository-parts", RepositoryParts, "repository-part")
router.register("required-pipelines", RequiredPipelinesRules, "required-pipelines")
router.register("dead-messages", DeadMessages, "dead-message")

v1: list[URLPattern | URLResolver] = [
    path("search/", Search.as_view({"get": "list"}), name="search"),
    path("unmapped/", UnmappedNames.as_view({"get": "list"}), name="unmapped"),
    path(
        "environments/<slug:slug>/comparison/",
        Comparisons.as_view({"get": "retrieve"}),
        name="environment-comparison",
    ),
    path("events/replay-failed/", FailedEvents.as_view({"post": "create"}), name="event-replay-failed"),
    path("squads/<slug:slug>/board/", Boards.as_view({"get": "retrieve"}), name="squad-board"),
    path("stories/many/", ManyStories.as_view({"post": "create"}), name="many-stories"),
    path("stories/many/<uuid:pk>/undo/", ManyStories.as_view({"post": "undo"}), name="many-stories-undo"),
    path("stories/<str:key>/squad/", Handovers.as_view({"post": "create"}), name="story-squad"),
    path("stories/<str:key>/cancel/", Endings.as_view({"post": "cancel"}), name="story-cancel"),
    path("stories/<str:key>/duplicate/", Endings.as_view({"post": "duplicate"}), name="story-duplicate"),
    path("stories/<str:key>/delete/", Endings.as_view({"post": "remove"}), name="story-delete"),
    path("stories/<str:key>/reopen/", Endings.as_view({"post": "reopen"}), name="story-reopen"),
    path("squads/<slug:slug>/labels/", Labels.as_view({"get": "list", "post": "create"}), name="label-list"),
    path(
        "squads/<slug:slug>/labels/<int:pk>/",
        Labels.as_view({"patch": "partial_update", "delete": "destroy"}),
        name="label-detail",
    ),
    path(
        "stories/<str:key>/attachments/",
        Attachments.as_view({"get": "list", "post": "create"}),
        name="attachment-list",
    ),
    path(
        "stories/<str:key>/attachments/<int:pk>/", Attachments.as_view({"delete": "destroy"}), name="attachment-detail"
    ),
    path(
        "stories/<str:key>/attachments/<int:pk>/content/",
        Attachments.as_view({"get": "content"}),
        name="attachment-content",
    ),
    path("stories/<str:key>/place/", Places.as_view({"post": "place"}), name="story-place"),
    path("stories/<str:key>/block/", Places.as_view({"post": "block"}), name="story-block"),
    path("stories/<str:key>/unblock/", Places.as_view({"post": "unblock"}), name="story-unblock"),
    path("", include(router.urls)),
]
urlpatterns = [
    path("api/v1/", include((v1, "api"))),
    path("api/schema/", SpectacularAPIView.as_view(permission_classes=[ReadingAllowed]), name="schema"),
    path(
        "api/docs/", SpectacularSwaggerView.as_view(url_name="schema", permission_classes=[ReadingAllowed]), name="docs"
    ),
]
