"""Every time an environment was deleted, since what ran there before runs no more even if it came back."""

from datetime import UTC

from django.db import migrations, models


def moment(at):
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def remember_removals(apps, schema_editor):
    """Read from the facts about environments when each was deleted, and when it was there again."""
    removals = {}
    facts = apps.get_model("releases", "Fact").objects.filter(kind="environment").order_by("at", "id")
    for key, at, data in facts.values_list("key", "at", "data"):
        known = removals.setdefault(key, [])
        is_gone = bool(known) and known[-1][1] is None
        if data.get("gone"):
            known += [] if is_gone else [[moment(at), None, at]]
        elif is_gone:
            known[-1][1] = moment(at)
    environments = apps.get_model("releases", "Environment").objects
    for key, known in removals.items():
        if known:
            environments.filter(key=key).update(emptied_at=known[-1][2], removals=[each[:2] for each in known])


class Migration(migrations.Migration):
    dependencies = [("releases", "0014_versions_and_parts")]

    operations = [
        migrations.AddField(
            model_name="environment",
            name="emptied_at",
            field=models.DateTimeField(
                editable=False, help_text="when it was deleted last, even if it came back", null=True
            ),
        ),
        migrations.AddField(
            model_name="environment",
            name="removals",
            field=models.JSONField(
                default=list,
                editable=False,
                help_text="[when it was deleted, when an event said that it is there again, or null]",
            ),
        ),
        migrations.AlterField(
            model_name="environment",
            name="gone_at",
            field=models.DateTimeField(
                editable=False,
                help_text="when an event said it was deleted; empty once something is deployed to it again",
                null=True,
            ),
        ),
        migrations.RunPython(remember_removals, migrations.RunPython.noop),
    ]
