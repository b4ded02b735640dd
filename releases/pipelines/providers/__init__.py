"""Providers translate what outside systems say into facts. Each is a folder; adding one is a folder and one line here."""

from releases.pipelines.providers.base import Provider
from releases.pipelines.providers.cdevents.webhook import PROVIDER as CDEVENTS
from releases.pipelines.providers.git.client import PROVIDER as GIT
from releases.pipelines.providers.gitlab.webhook import PROVIDER as GITLAB
from releases.pipelines.providers.jenkins.webhook import PROVIDER as JENKINS
from releases.pipelines.providers.report.webhook import PROVIDER as REPORT

PROVIDERS: dict[str, Provider] = {each.kind: each for each in (GIT, CDEVENTS, REPORT, GITLAB, JENKINS)}
