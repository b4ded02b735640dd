"""Why nothing came of an event. Events whose things are known by other keys now are read again, by a message to the worker."""

from django.db import migrations, models

KINDS = [
    "alertmanager", "argocd", "buildbot", "cdevents", "chef", "generic", "github", "gitlab", "jenkins", "nagios", "opsgenie",
    "pagerduty", "report", "sensu",
]


def ask(apps, schema_editor):
    """Have them read again after the commit: `releases.sources.connect_system.replay_kinds`."""
    if apps.get_model("releases", "InboundEvent").objects.filter(source__kind__in=KINDS).exists():
        apps.get_model("portal", "Message").objects.create(topic="events.outdated", payload={"kinds": KINDS})


class Migration(migrations.Migration):
    dependencies = [("releases", "0015_removals_of_environments"), ("portal", "0006_message_delays_and_dead_messages")]

    operations = [
        migrations.AddField(
            "inboundevent",
            "reason",
            models.TextField(blank=True, default="", help_text="why nothing came of it, or of a part of it"),
        ),
        migrations.RunPython(ask, migrations.RunPython.noop),
    ]
