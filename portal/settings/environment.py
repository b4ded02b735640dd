"""Every variable that Rodeo reads from the environment. docs/configuration.md says what each is for; a test compares.

An empty variable is as good as none. A value that cannot be used ends the program with a sentence that names the variable,
what it is set to (never for secrets) and what it takes (docs/adr/0030).
"""

import os
import re
import sys
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Annotated, Any, Literal, NoReturn, Self, get_args, get_origin

from pydantic import Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from portal.settings import values
from portal.settings.values import Secret, Takes, Unfit, Unit

# Gunicorn starts a worker that ended again and again, except for this code: then it gives up.
EXIT_CODE = 3
# Here, nothing is an answer: pages then ask every few seconds.
MAY_BE_EMPTY = {"RODEO_EVENTS_URL"}
# Read by the tests, or by the suite's processes among each other. They are no settings of the portal.
OF_THE_TESTS = frozenset(
    {
        "RODEO_API_EXAMPLES",
        "RODEO_CHROMIUM",
        "RODEO_FUZZ",
        "RODEO_REAL_DATA",
        "RODEO_SHOTS",
        "RODEO_TEST_BROKER",
        "RODEO_TEST_DATABASE",
        "RODEO_TEST_SCREENSHOTS",
        "RODEO_TEST_TOP",
        "RODEO_TEST_WAKE",
        "RODEO_TEST_WORKER",
        "RODEO_YEAR",
        "RODEO_YEAR_SAYS",
    }
)
Seconds = Annotated[int, Unit("seconds")]


class Environment(BaseSettings):
    """The variables, checked: their names, what they take, and what holds where they are not set."""

    model_config = SettingsConfigDict(
        case_sensitive=True, extra="ignore", frozen=True, hide_input_in_errors=True, validate_default=False
    )

    DATABASE_URL: values.DatabaseAddress = Field(default="", repr=False)
    BROKER_URL: values.BrokerAddress = Field(default="", repr=False)
    RODEO_STATE_DIR: values.Folder = None
    RODEO_BASE_URL: values.WebAddress = "http://127.0.0.1:8000"
    RODEO_EVENTS_URL: values.PathOrWebAddress = "/events/"
    RODEO_EVENTS_CHECK_EVERY: Annotated[float, Unit("seconds")] = Field(
        default=60, ge=0.1, le=86400, allow_inf_nan=False
    )
    RODEO_OPEN_READING: bool = False
    RODEO_PULL_EVERY: Seconds = Field(default=300, ge=1, le=604800)
    RODEO_PULL_SLICE: Seconds = Field(default=60, ge=1, le=3600)
    RODEO_OUTBOX_RETRY_FOR: Seconds = Field(default=86400, ge=60, le=2592000)
    RODEO_OUTBOX_KEEP_DAYS: Annotated[int, Unit("days")] = Field(default=7, ge=1, le=3650)
    RODEO_GIT_TIMEOUT: Seconds = Field(default=900, ge=1, le=86400)
    RODEO_GIT_CONTENTS: bool = True
    RODEO_INTERNAL_HOSTS: values.InnerHosts = []
    RODEO_CA_BUNDLE: values.AuthorityFile = ""
    RODEO_HOOK_MAX_BYTES: Annotated[int, Unit("bytes")] = Field(default=2 * 1024 * 1024, ge=1024, le=1024 * 1024 * 1024)
    RODEO_TIME_ZONE: values.Zone = "UTC"
    RODEO_LOG_LEVEL: values.LogLevel = "INFO"
    RODEO_HOSTS: values.Hosts = []
    RODEO_TRUSTED_ORIGINS: values.Origins = []

    # How people sign in, and mail.
    RODEO_PASSWORD_SIGN_IN: bool = True
    RODEO_SIGN_UP: bool = False
    RODEO_OIDC_URL: values.DiscoveryAddress = ""
    RODEO_OIDC_CLIENT_ID: values.Text = ""
    RODEO_OIDC_SECRET: values.SecretText = Field(default="", repr=False)
    RODEO_OIDC_NAME: values.Text = "your company’s sign-in"
    RODEO_OIDC_DOMAINS: values.Domains = []
    RODEO_EMAIL_URL: values.MailServer = Field(default="", repr=False)
    RODEO_EMAIL_FROM: values.Sender = "Rodeo <rodeo@localhost>"

    # Only for `make run`. Others use the name PORT too: only the command that serves there may object to it.
    PORT: values.Port = "8000"
    RODEO_SAMPLE: bool = True
    RODEO_DEBUG: bool = False

    # Only in production.
    RODEO_SECRET_KEY: values.SecretText = Field(default="", repr=False)
    RODEO_FIELD_KEYS: values.FernetKeys = Field(default=[], repr=False)
    RODEO_TLS: bool = True
    RODEO_BEHIND_PROXY: bool = False
    RODEO_HSTS_SECONDS: Annotated[int | None, Unit("seconds")] = Field(default=None, ge=0, le=315360000)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, given: dict[str, Any]) -> dict[str, Any]:
        found = {name: value.strip() if isinstance(value, str) else value for name, value in given.items()}
        return {name: value for name, value in found.items() if value != "" or name in MAY_BE_EMPTY}

    @model_validator(mode="after")
    def _a_provider_needs_a_client(self) -> Self:
        if self.RODEO_OIDC_URL and not self.RODEO_OIDC_CLIENT_ID:
            raise ValueError("Set RODEO_OIDC_CLIENT_ID too: RODEO_OIDC_URL alone isn’t enough.")
        return self


def read() -> Environment:
    """Return what the environment says. Ends the program, with a sentence for each, where variables cannot be used."""
    try:
        return Environment()
    except ValidationError as error:
        refuse(*complaints(error))


def refuse(*sentences: str) -> NoReturn:
    """End the program because of its configuration, with these sentences and without a traceback."""
    for sentence in sentences:
        print(f"Rodeo can’t start: {sentence}", file=sys.stderr)  # noqa: T201
    sys.stderr.flush()
    raise SystemExit(EXIT_CODE)


def require(found: Environment, *names: str) -> None:
    """End the program where one of these is not set."""
    missing = [name for name in names if not getattr(found, name)]
    if missing:
        refuse(f"production has no default for {', '.join(missing)} (docs/production.md shows what to set).")


def choose_settings() -> None:
    """Use the settings of `make run` unless DJANGO_SETTINGS_MODULE names others. Ends the program if there are none such."""
    name = os.environ.get("DJANGO_SETTINGS_MODULE") or "portal.settings.local"
    try:
        found = find_spec(name)
    except (ImportError, ValueError):
        found = None
    if found is None:
        refuse(
            f"DJANGO_SETTINGS_MODULE is “{_printable(name)}”; it takes portal.settings.production, "
            "or portal.settings.local, as without it."
        )
    os.environ["DJANGO_SETTINGS_MODULE"] = name


def complaints(error: ValidationError) -> list[str]:
    """Return a sentence for each variable that cannot be used: its name, what it is set to unless secret, what it takes."""
    found: dict[str, str] = {}
    for each in error.errors(include_url=False):
        cause = each.get("ctx", {}).get("error")
        if not each["loc"]:
            found[""] = str(cause)
            continue
        name = str(each["loc"][0])
        found.setdefault(name, _complaint(name, cause if isinstance(cause, Unfit) else None))
    return list(found.values())


def _complaint(name: str, cause: Unfit | None) -> str:
    field = Environment.model_fields[name]
    given = os.environ.get(name, "")
    # What looks like user:password@host may hold a password, whatever the variable.
    if any(isinstance(each, Secret) for each in field.metadata) or re.search(":.*@", given, re.S):
        return f"{name} cannot be used (it may be secret, so it is not shown); it takes {takes(field)}."
    why = f", {cause}" if cause and str(cause) else ""
    return f"{name} is “{_printable(given)}”{_printable(why)}; it takes {takes(field)}."


def _printable(text: str) -> str:
    text = text if len(text) <= 200 else f"{text[:200]}…"
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def takes(field: FieldInfo) -> str:
    """Return in words what a variable takes."""
    for each in field.metadata:
        if isinstance(each, Takes):
            return each.words
    if field.annotation is bool:
        return "yes or no"
    if get_origin(field.annotation) is Literal:
        return f"one of {', '.join(get_args(field.annotation))}"
    unit = next(each.word for each in field.metadata if isinstance(each, Unit))
    low = next(each.ge for each in field.metadata if hasattr(each, "ge"))
    high = next(each.le for each in field.metadata if hasattr(each, "le"))
    return f"a {'number' if field.annotation is float else 'whole number'} of {unit} from {low} to {high}"


def unread() -> dict[str, str]:
    """Return the variables that begin with RODEO_ and that nothing reads, each with the known name most like it, if any."""
    known = {*Environment.model_fields, *OF_THE_TESTS}
    return {
        name: _nearest(name.upper(), known)
        for name in sorted(os.environ)
        if name.upper().startswith("RODEO_") and name not in known
    }


def _nearest(name: str, known: set[str]) -> str:
    bare = name.removeprefix("RODEO_")
    return bare if bare in known else next(iter(get_close_matches(name, known, n=1, cutoff=0.8)), "")
