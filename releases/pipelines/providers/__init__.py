"""Providers translate what outside systems say into facts. Each is a folder; adding one is a folder and one line here."""

from releases.pipelines.providers.alertmanager.webhook import PROVIDER as ALERTMANAGER
from releases.pipelines.providers.argocd.webhook import PROVIDER as ARGOCD
from releases.pipelines.providers.base import Provider
from releases.pipelines.providers.buildbot.webhook import PROVIDER as BUILDBOT
from releases.pipelines.providers.cdevents.webhook import PROVIDER as CDEVENTS
from releases.pipelines.providers.chef.webhook import PROVIDER as CHEF
from releases.pipelines.providers.generic.webhook import PROVIDER as GENERIC
from releases.pipelines.providers.git.client import PROVIDER as GIT
from releases.pipelines.providers.github.webhook import PROVIDER as GITHUB
from releases.pipelines.providers.gitlab.webhook import PROVIDER as GITLAB
from releases.pipelines.providers.jenkins.webhook import PROVIDER as JENKINS
from releases.pipelines.providers.nagios.webhook import PROVIDER as NAGIOS
from releases.pipelines.providers.opsgenie.webhook import PROVIDER as OPSGENIE
from releases.pipelines.providers.pagerduty.webhook import PROVIDER as PAGERDUTY
from releases.pipelines.providers.report.webhook import PROVIDER as REPORT
from releases.pipelines.providers.sensu.webhook import PROVIDER as SENSU

PROVIDERS: dict[str, Provider] = {
    each.kind: each
    for each in (
        GIT,
        GITHUB,
        GITLAB,
        JENKINS,
        BUILDBOT,
        ARGOCD,
        CHEF,
        GENERIC,
        CDEVENTS,
        REPORT,
        ALERTMANAGER,
        SENSU,
        NAGIOS,
        PAGERDUTY,
        OPSGENIE,
    )
}
