"""`manage.py up`: the whole portal on this machine (what `make run` runs)."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.ops.start import up
from portal.settings.environment import read


class Command(BaseCommand):
    help = "Run the whole portal here: broker, web, worker and scheduler, until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", default=read().PORT, help="where to serve (default: 8000)")

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(up(options["port"], sys.stdout))
