"""The REST API: which feature answers at which address, its schema, and its documentation."""

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from portal.administration.api import Access, AuditEntries
from portal.dead_messages.api import DeadMessages
from portal.kernel.api_schema import ServedSchema
from portal.kernel.policy import ReadingAllowed
from portal.mails.api import Mails
from portal.people.api import People
from portal.retention.api import RetentionSettings
from portal.search.api import Search
from releases.allowed_hosts.api import AllowedHosts
from releases.approvals.api import Accepters, Approvals
from releases.attributions.api import Attributions
from releases.bots.api import Bots
from releases.comparison.api import Comparisons
from releases.contents.api import CompanyPatterns, Contents, DeployOrders, SchemaChanges, ServicePatterns
from releases.deployment_checks.api import DeploymentChecks, ReleaseChecks, ServiceChecks, ServiceCheckTokens
from releases.environments.api import Environments
from releases.evidence.link_api import LinkedChanges
from releases.forecasts.api import Forecasts
from releases.freezes.api import FreezeLifts, Freezes
from releases.incident_settings.api import Severities
from releases.incidents.api import Incidents
from releases.learnings.api import Learnings
from releases.mappings.api import MappingRules, Mergers, UnmappedNames
from releases.monorepo.api import RepositoryParts
from releases.outside_checks.api import OutsideAsking, OutsideChecks
from releases.overview.api import Digests, Overviews
from releases.overview.api import ReadinessViews as OverviewViews
from releases.planning.api import Releases
from releases.progress.api import ProgressOfReleases, ScopeChanges
from releases.readiness.api import Checklists, FlagNeeds, GateTemplates, LineChecklists, Overrides, ReleaseReadiness
from releases.reading.api import Events, FailedEvents
from releases.release_calendar.api import Calendar, CalendarAddresses
from releases.release_comparison.api import ReleaseComparisons
from releases.release_notes.api import Notes as ReleaseNotes
from releases.release_retrospectives.api import ReleaseRetrospectives
from releases.release_trains.api import MissedStories, ReleaseTrains
from releases.reports.api import AcceptanceRuns, Deployments, FlagStates, Runs
from releases.required_pipelines.api import RequiredPipelinesRules
from releases.sharing.api import ReleaseLinks
from releases.snapshots.api import ReleaseSnapshots, Snapshots
from releases.sources.api import Sources
from releases.status.api import Statuses
from squads.acceptance.api import AcceptanceRequests, PlannedAccepters
from squads.attachments.api import Attachments
from squads.boards.api import Boards, Places
from squads.comments.api import Comments, Relations
from squads.endings.api import Endings
from squads.handovers.api import Handovers
from squads.imports.api import Imports
from squads.labels.api import Labels
from squads.retrospective_actions.api import RetrospectiveActions
from squads.retrospective_feeds.api import FeedAddresses
from squads.retrospective_pages.api import Retrospectives
from squads.retrospective_sessions.api import RetrospectiveSessions
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
router.register("retrospective-actions", RetrospectiveActions, "retrospective-action")
router.register("feed-addresses", FeedAddresses, "feed-address")
router.register("retrospectives", Retrospectives, "retrospective")
router.register("story-views", StoryViews, "story-view")
router.register("readiness-views", OverviewViews, "readiness-view")
router.register(r"retrospectives/(?P<slug>[-\w]+)/session", RetrospectiveSessions, "retrospective-session")
router.register("environments", Environments, "environment")
router.register("releases", Releases, "release")
router.register(r"releases/(?P<slug>[^/]+)/scope", ScopeChanges, "release-scope")
router.register(r"releases/(?P<slug>[^/]+)/links", ReleaseLinks, "release-link")
router.register(r"releases/(?P<slug>[^/]+)/approvals", Approvals, "release-approval")
router.register("freezes", Freezes, "freeze")
router.register("attributions", Attributions, "attribution")
router.register("incidents", Incidents, "incident")
router.register("severities", Severities, "severity")
router.register("freeze-lifts", FreezeLifts, "freeze-lift")
router.register("deploy-orders", DeployOrders, "deploy-order")
router.register(r"releases/(?P<slug>[^/]+)/overrides", Overrides, "gate-override")
router.register(r"releases/(?P<slug>[^/]+)/flag-needs", FlagNeeds, "flag-need")
router.register(r"releases/(?P<slug>[^/]+)/checklist", Checklists, "checklist")
router.register(r"releases/(?P<slug>[^/]+)/learnings", Learnings, "release-learning")
router.register("gate-templates", GateTemplates, "gate-template")
router.register("gate-checklist", LineChecklists, "line-checklist")
router.register("outside-checks", OutsideChecks, "outside-check")
router.register("release-trains", ReleaseTrains, "release-train")
router.register("calendar-addresses", CalendarAddresses, "calendar-address")
router.register(
    r"services/(?P<slug>[-\w]+)/deployment-check-tokens", ServiceCheckTokens, "service-deployment-check-token"
)
router.register(r"releases/(?P<slug>[^/]+)/snapshots", ReleaseSnapshots, "release-snapshot")
router.register("snapshots", Snapshots, "snapshot")
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
router.register("people", People, "person")
router.register("audit-entries", AuditEntries, "audit-entry")
router.register("dead-messages", DeadMessages, "dead-message")
router.register("mails", Mails, "mail")

v1: list[URLPattern | URLResolver] = [
    path("access/", Access.as_view({"get": "retrieve", "patch": "partial_update"}), name="access"),
    path("search/", Search.as_view({"get": "list"}), name="search"),
    path(
        "retention/",
        RetentionSettings.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="retention",
    ),
    path("deployment-checks/", DeploymentChecks.as_view({"get": "retrieve"}), name="deployment-checks"),
    path(
        "deployment-checks/argo-rollouts/",
        DeploymentChecks.as_view({"get": "argo_rollouts"}),
        name="deployment-checks-argo-rollouts",
    ),
    path(
        "services/<slug:slug>/deployment-checks/",
        ServiceChecks.as_view({"get": "list"}),
        name="service-deployment-checks",
    ),
    path(
        "releases/<str:slug>/deployment-checks/",
        ReleaseChecks.as_view({"get": "list"}),
        name="release-deployment-checks",
    ),
    path("snapshots/<str:sha256>/document/", Snapshots.as_view({"get": "document"}), name="snapshot-document"),
    path("unmapped/", UnmappedNames.as_view({"get": "list"}), name="unmapped"),
    path(
        "environments/<slug:slug>/comparison/",
        Comparisons.as_view({"get": "retrieve"}),
        name="environment-comparison",
    ),
    path(
        "releases/<str:slug>/notes/",
        ReleaseNotes.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="release-notes",
    ),
    path("releases/<str:slug>/notes.md", ReleaseNotes.as_view({"get": "markdown"}), name="release-notes-markdown"),
    path(
        "releases/<str:slug>/notes/generation/",
        ReleaseNotes.as_view({"post": "generation"}),
        name="release-notes-generation",
    ),
    path("releases/<str:slug>/notes/mail/", ReleaseNotes.as_view({"post": "mail"}), name="release-notes-mail"),
    path(
        "releases/<str:slug>/notes/versions/", ReleaseNotes.as_view({"get": "versions"}), name="release-notes-versions"
    ),
    path("release-comparison/", ReleaseComparisons.as_view({"get": "retrieve"}), name="release-comparison"),
    path("releases/<str:slug>/progress/", ProgressOfReleases.as_view({"get": "retrieve"}), name="release-progress"),
    path("readiness/", Overviews.as_view({"get": "list"}), name="readiness-list"),
    path(
        "readiness-digest/",
        Digests.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="readiness-digest",
    ),
    path(r"releases/<release:slug>/forecast/", Forecasts.as_view({"get": "retrieve"}), name="release-forecast"),
    path("releases/<str:slug>/readiness/", ReleaseReadiness.as_view({"get": "retrieve"}), name="release-readiness"),
    path(
        "releases/<str:slug>/checklist/<int:pk>/tick/",
        Checklists.as_view({"post": "tick", "delete": "untick"}),
        name="checklist-tick",
    ),
    path(
        "releases/<str:slug>/learnings/<slug:retrospective>/read/",
        Learnings.as_view({"post": "say_read", "delete": "take_back"}),
        name="release-learning-read",
    ),
    path(
        "releases/<str:slug>/retrospective/",
        ReleaseRetrospectives.as_view({"post": "create"}),
        name="release-retrospective",
    ),
    path(
        "releases/<str:slug>/outside-checks/ask/", OutsideAsking.as_view({"post": "create"}), name="outside-check-ask"
    ),
    path("gate-templates/preview/", GateTemplates.as_view({"post": "preview"}), name="gate-template-preview"),
    path("calendar/", Calendar.as_view({"get": "list"}), name="calendar"),
    path("releases/<str:slug>/missed/", MissedStories.as_view({"post": "create"}), name="release-missed"),
    path("releases/<str:slug>/status/", Statuses.as_view({"get": "retrieve"}), name="release-status"),
    path(
        "releases/<str:slug>/accepters/",
        Accepters.as_view({"get": "list", "post": "create"}),
        name="release-accepters",
    ),
    path("events/replay-failed/", FailedEvents.as_view({"post": "create"}), name="event-replay-failed"),
    path("squads/<slug:slug>/board/", Boards.as_view({"get": "retrieve"}), name="squad-board"),
    path("stories/many/", ManyStories.as_view({"post": "create"}), name="many-stories"),
    path("stories/many/<uuid:pk>/undo/", ManyStories.as_view({"post": "undo"}), name="many-stories-undo"),
    path(
        "stories/<str:key>/accepter/",
        PlannedAccepters.as_view({"get": "retrieve", "post": "create"}),
        name="story-accepter",
    ),
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
    path("releases/<str:slug>/contents/", Contents.as_view({"get": "whole"}), name="release-contents"),
    path(
        "releases/<str:slug>/contents/<slug:service>/",
        Contents.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
        name="release-content",
    ),
    path(
        "releases/<str:slug>/contents/<slug:service>/schema-changes/",
        SchemaChanges.as_view({"put": "update"}),
        name="release-schema-changes",
    ),
    path(
        "schema-patterns/",
        CompanyPatterns.as_view({"get": "retrieve", "put": "update"}),
        name="schema-patterns",
    ),
    path(
        "services/<slug:slug>/schema-patterns/",
        ServicePatterns.as_view({"get": "retrieve", "put": "update"}),
        name="service-schema-patterns",
    ),
    path("", include(router.urls)),
]
urlpatterns = [
    path("api/v1/", include((v1, "api"))),
    path(
        "api/schema/",
        SpectacularAPIView.as_view(permission_classes=[ReadingAllowed], generator_class=ServedSchema),
        name="schema",
    ),
    path(
        "api/docs/", SpectacularSwaggerView.as_view(url_name="schema", permission_classes=[ReadingAllowed]), name="docs"
    ),
]
