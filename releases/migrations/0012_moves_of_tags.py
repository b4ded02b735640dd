"""Where tags have been. What was seen of them before is read again."""

import django.db.models.deletion
from django.db import migrations, models


def read_tags_again(apps, schema_editor):
    """Have every snapshot of a repository's refs read again, for the places its tags were seen at."""
    apps.get_model("releases", "InboundEvent").objects.filter(kind="git.refs", state="processed").update(state="pending")


class Migration(migrations.Migration):
    dependencies = [("releases", "0011_runs_and_their_triggers")]

    operations = [
        migrations.CreateModel(
            name="TagMove",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=250)),
                ("sha", models.CharField(max_length=64)),
                ("tagged_at", models.DateTimeField(help_text="tagger date, else committer date of the commit")),
                ("seen_at", models.DateTimeField(help_text="when a pull saw it there first")),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="releases.inboundevent"
                    ),
                ),
                (
                    "repository",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tag_moves", to="releases.repository"
                    ),
                ),
            ],
            options={"ordering": ["seen_at", "id"]},
        ),
        migrations.RunPython(read_tags_again, migrations.RunPython.noop),
    ]
