"""Providers translate the payloads of outside systems into facts. Adding one takes a folder and a line in PROVIDERS."""

from releases.providers.alertmanager.webhook import PROVIDER as ALERTMANAGER
from releases.providers.argocd.webhook import PROVIDER as ARGOCD
from releases.providers.base import Provider
from releases.providers.buildbot.webhook import PROVIDER as BUILDBOT
from releases.providers.cdevents.webhook import PROVIDER as CDEVENTS
from releases.providers.chef.webhook import PROVIDER as CHEF
from releases.providers.generic.webhook import PROVIDER as GENERIC
from releases.providers.git.client import PROVIDER as GIT
from releases.providers.github.webhook import PROVIDER as GITHUB
from releases.providers.gitlab.webhook import PROVIDER as GITLAB
from releases.providers.jenkins.webhook import PROVIDER as JENKINS
from releases.providers.nagios.webhook import PROVIDER as NAGIOS
from releases.providers.opsgenie.webhook import PROVIDER as OPSGENIE
from releases.providers.pagerduty.webhook import PROVIDER as PAGERDUTY
from releases.providers.report.webhook import PROVIDER as REPORT
from releases.providers.sensu.webhook import PROVIDER as SENSU

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
