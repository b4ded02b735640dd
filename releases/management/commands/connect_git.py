"""manage.py connect_git: `releases.sources.connect_git.connect_git` from the command line."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from portal.kernel.form_errors import words_of
from portal.kernel.tasks import drain
from releases.inbox.models import InboundEvent, Source
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.sources import actions as sources
from releases.sources import connect_git


class Command(BaseCommand):
    help = "Connect a git repository. Its commits become changes. Its tags can become releases and deployments."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("place", metavar="PATH_OR_URL", help="a folder, or https://…, ssh://…, user@host:path")
        parser.add_argument("--service", required=True, metavar="NAME", help="its service; created if new")
        parser.add_argument("--squad", required=True, metavar="NAME", help="who owns it: a squad's name or key prefix")
        parser.add_argument(
            "--release-tags", default="", metavar="PATTERN", help="tags that are releases: v* or a regular expression"
        )
        parser.add_argument(
            "--deploys-to", default="", metavar="ENV", help="a release tag is also a deployment to this environment"
        )
        parser.add_argument(
            "--branch", default="", metavar="B", help="the mainline; the repository's default if left out"
        )
        parser.add_argument(
            "--line",
            default=None,
            metavar="L",
            help="the release line; the service by default, '' for the whole company",
        )
        parser.add_argument("--user", default="", metavar="U", help="user name for https, if the token needs one")
        parser.add_argument("--secret-file", metavar="FILE", help="a file with the token for https, read once")
        parser.add_argument(
            "--repository", default="", metavar="NAME", help="its name in events, such as shop/checkout"
        )
        parser.add_argument(
            "--pull", action="store_true", help="pull now and wait, instead of leaving it to the worker"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        secret = ""
        if options["secret_file"]:
            try:
                with open(options["secret_file"]) as file:
                    secret = file.read().strip()
            except OSError as error:
                raise CommandError(f"--secret-file: {error}") from None
        try:
            source, new = connect_git.connect_git(
                by=None,
                url=options["place"],
                service=options["service"],
                squad=sources.find_squad(options["squad"]),
                release_tags=options["release_tags"],
                deploys_to=options["deploys_to"],
                branch=options["branch"],
                line=options["line"],
                secret=secret,
                user=options["user"],
                repository=options["repository"],
            )
        except ValidationError as error:
            raise CommandError(_message_of(error)) from None
        self.stdout.write(f"{'Connected' if new else 'Changed the settings of'} {source.name} (source {source.key}).")
        if options["pull"]:
            self._pull(source)
        else:
            self.stdout.write("The worker pulls it within seconds. See its page for progress.")

    def _pull(self, source: Source) -> None:
        lease = leases.lease_now(source)
        if lease is None:
            raise CommandError("The worker is already pulling it. See its page for progress.")
        pulled = pulling.pull_source(source.pk, lease, on_progress=self._report)
        source.refresh_from_db()
        if pulled is None:
            said = "\n".join(filter(None, (source.last_error, source.error_detail)))
            raise CommandError(said or "The worker took over the pull.")
        self.stderr.write("reading what was pulled …")
        drain()
        waiting = InboundEvent.objects.filter(source=source, state=InboundEvent.State.PENDING).count()
        failed = InboundEvent.objects.filter(source=source, state=InboundEvent.State.FAILED).count()
        self.stdout.write(f"New commits: {pulled.commits:,}. Tags: {pulled.tags:,}. Head: {pulled.head[:8] or 'none'}.")
        if waiting:
            self.stdout.write(f"{waiting} events are still being read by the worker.")
        if failed:
            raise CommandError(f"{failed} events of this source couldn’t be read. See Events for the reasons.")

    def _report(self, progress: dict[str, Any]) -> None:
        if progress.get("step"):
            self.stderr.write(str(progress["step"]))


def _message_of(error: ValidationError) -> str:
    if hasattr(error, "error_dict"):
        return " ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
    return words_of(error)
