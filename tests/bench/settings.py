"""The settings of `make run`, with the yardstick views beside the portal's own."""

from portal.settings.local import *  # noqa: F403
from portal.settings.local import ALLOWED_HOSTS

ROOT_URLCONF = "tests.bench.urls"
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "testserver"]
