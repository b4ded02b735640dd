"""What every environment shares. The environment speaks through variables; docs/configuration.md lists them."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from kombu.entity import Queue

from portal.settings.embedded import broker_url, sqlite, state_folder
from portal.settings.environment import read
from portal.settings.people import *  # noqa: F403
from portal.settings.people import PEOPLE_APPS, mail

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = read()
STATE_DIR = state_folder(env.RODEO_STATE_DIR or BASE_DIR / "var")


def origins(*addresses: str) -> list[str]:
    """Return the origins of those of these addresses that have one of their own."""
    parts = [urlsplit(each) for each in addresses]
    return [f"{each.scheme}://{each.netloc}" for each in parts if each.netloc]


DEBUG = False
INSTALLED_APPS = [
    "portal",
    "squads",
    "releases",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "csp",
    *PEOPLE_APPS,
]
MIDDLEWARE = [
    "portal.kernel.problems.ApiProblems",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.kernel.privacy.CompressedPages",
    "portal.kernel.privacy.PrivateAnswers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.accounts.middleware.SignedIn",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
AUTH_USER_MODEL = "portal.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.home.context.portal",
            ],
            "builtins": ["portal.templatetags.rodeo"],
        },
    },
    {
        # Only for fragments that repeat hundreds of times on one page (docs/adr/0003).
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "NAME": "jinja2",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {"environment": "portal.home.jinja.environment"},
    },
]

DATABASES: dict[str, Any]
if env.DATABASE_URL:
    DATABASES = {"default": dj_database_url.parse(env.DATABASE_URL, conn_max_age=600, conn_health_checks=True)}
else:
    DATABASES = {"default": sqlite(STATE_DIR / "rodeo.sqlite3")}

BROKER_URL = env.BROKER_URL or broker_url(STATE_DIR)
CELERY_BROKER_URL = BROKER_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TIME_LIMIT = 1800
CELERY_TASK_SOFT_TIME_LIMIT = 1740
# Pulls and mails wait for other machines, so they have a queue of their own and never keep the inbox waiting. A worker that
# is not told which queues to take from takes from both.
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_QUEUES = [Queue("celery"), Queue("pulls")]  # type: ignore[no-untyped-call]
CELERY_TASK_ROUTES = {
    "releases.pulling.tasks.pull": {"queue": "pulls"},
    "portal.kernel.tasks.send_mails": {"queue": "pulls"},
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Longer than the longest task, or a task still running would be handed out a second time.
    "visibility_timeout": 3600,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 5,
    # A broker that answers nothing is noticed so soon; workers ask it every second.
    "socket_timeout": 10,
}
CELERY_TIMEZONE = "UTC"

LANGUAGE_CODE = "en"
# Django writes TIME_ZONE into the environment of every child it starts: UTC keeps theirs right.
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = STATE_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "portal.kernel.static_files.BundledStaticFilesStorage"},
}

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CONTENT_SECURITY_POLICY = {
    # The API's documentation page brings its own inline style and script.
    "EXCLUDE_URL_PREFIXES": ("/api/docs/",),
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'", *origins(env.RODEO_EVENTS_URL)],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # Passwords first, so that somebody unknown is told 401 and how to sign in.
        "portal.accounts.authentication.Passwords",
        "portal.accounts.authentication.Tokens",
        "portal.accounts.authentication.Sessions",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["portal.kernel.policy.ReadingAllowed"],
    "DEFAULT_PAGINATION_CLASS": "portal.kernel.paging.ApiPages",
    "PAGE_SIZE": 50,
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "portal.kernel.api_schema.Schema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "portal.kernel.problems.ProblemHandler",
    "EXCEPTION_FORMATTER_CLASS": "portal.kernel.problems.ProblemFormatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rodeo",
    "DESCRIPTION": "Squads, stories, releases, and the evidence that says what is rodeo done. docs/api.md shows how to sign "
    "in, what errors look like, and a call for each resource.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portal.kernel.api_schema.add_refusals",
        "portal.kernel.api_schema.add_links",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "StoryTypeEnum": "squads.stories.models.Story.Type",
        "RetrospectiveKindEnum": "squads.retrospectives.models.Retrospective.Kind",
        "RetrospectiveStateEnum": "squads.retrospectives.models.Retrospective.State",
        "RetrospectiveActionKindEnum": "squads.retrospective_actions.models.RetrospectiveAction.Kind",
        "TimelineKindEnum": "squads.retrospectives.models.TimelineEntry.Kind",
        "TimelineStateEnum": "squads.retrospectives.models.TimelineEntry.State",
        "SquadKindEnum": "squads.teams.models.Squad.Kind",
        "EvidenceKindEnum": "squads.stories.models.Evidence.Kind",
        "DeploymentKindEnum": "releases.deployments.models.Deployment.Kind",
        "VerdictEnum": "releases.gates.readiness.VERDICT_CHOICES",
        "GateEnum": "releases.gates.readiness.NAMES",
        "TrainStateEnum": "releases.release_trains.models.ReleaseTrain.State",
        "ProgressEnum": "squads.stories.models.Story.Progress",
        "StageEnum": "squads.stories.models.Story.Stage",
        "SourceStateEnum": "releases.inbox.models.Source.State",
        "EventStateEnum": "releases.inbox.models.InboundEvent.State",
        "ImportKindEnum": "squads.imports.formats.CHOICES",
        "ImportStateEnum": "squads.imports.models.Import.State",
        "ApprovalKindEnum": "releases.approvals.models.Approval.Kind",
        "ApprovalStateEnum": "releases.approvals.models.Approval.State",
        "RuleKindEnum": "releases.mappings.models.MappingRule.Kind",
        "RuleRoleEnum": "releases.mappings.models.MappingRule.Role",
        "SystemKindEnum": "releases.sources.connect_system.SYSTEM_KINDS",
        "AccountRoleEnum": "portal.accounts.models.ROLE_CHOICES",
        "MembershipRoleEnum": "squads.teams.models.Membership.Role",
        "PhaseEnum": "releases.pipelines.models.Phase",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "filters": {
        "not_again": {"()": "portal.kernel.log_repeats.NotAgain"},
        "without_secrets": {"()": "portal.kernel.privacy.WithoutSecrets"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "filters": ["not_again", "without_secrets"],
        },
    },
    "root": {"handlers": ["console"], "level": env.RODEO_LOG_LEVEL},
    "loggers": {
        "django.server": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        # Asked to log more, they write whole headers, and so tokens.
        "httpx2": {"level": "WARNING"},
        "httpcore2": {"level": "WARNING"},
    },
}

globals().update(mail(env.RODEO_EMAIL_URL, STATE_DIR / "mail"))

# Rodeo's own settings.
RODEO_OPEN_READING = env.RODEO_OPEN_READING
# Where open pages hear what changed: a path behind the same web server, or an address of its own on the same host.
# Empty, they ask every few seconds instead.
RODEO_EVENTS_URL = env.RODEO_EVENTS_URL
RODEO_EVENTS_CHECK_EVERY = env.RODEO_EVENTS_CHECK_EVERY
RODEO_BASE_URL = env.RODEO_BASE_URL.rstrip("/")
RODEO_HOOK_MAX_BYTES = env.RODEO_HOOK_MAX_BYTES
# Hosts inside the company's network that sources may ask, beside those that administrators allow on their page.
RODEO_INTERNAL_HOSTS = env.RODEO_INTERNAL_HOSTS
RODEO_CA_BUNDLE = env.RODEO_CA_BUNDLE
RODEO_GIT_TIMEOUT = env.RODEO_GIT_TIMEOUT
RODEO_GIT_CONTENTS = env.RODEO_GIT_CONTENTS
# Whose days count: Django itself keeps to UTC.
RODEO_TIME_ZONE = env.RODEO_TIME_ZONE
RODEO_GIT_DIR = STATE_DIR / "git"
RODEO_PULL_EVERY = env.RODEO_PULL_EVERY
# How long a message or mail that fails is tried again, and how long delivered and sent ones are kept.
RODEO_OUTBOX_RETRY_FOR = env.RODEO_OUTBOX_RETRY_FOR
RODEO_OUTBOX_KEEP_DAYS = env.RODEO_OUTBOX_KEEP_DAYS
# A long pull lets others have their turn after so many seconds.
RODEO_PULL_SLICE = env.RODEO_PULL_SLICE
DATA_UPLOAD_MAX_MEMORY_SIZE = max(RODEO_HOOK_MAX_BYTES, 2 * 1024 * 1024) + 1024 * 1024
