"""A text by which versions sort, former names of releases, and finding all rows of one deployment or check.

Large tables of deployments and checks get an index; the portal may serve meanwhile.
"""

import django.db.models.deletion
from django.db import migrations, models

import portal.kernel.clock
import releases.planning.models
from portal.kernel.versions import version_key


def fill_keys(apps, schema_editor):
    """Write the key of every version there is."""
    releases_there = apps.get_model("releases", "Release").objects.using(schema_editor.connection.alias)
    rows = [row for row in releases_there.only("pk", "version").iterator(2000) if row.version]
    for row in rows:
        row.version_key = version_key(row.version)
    releases_there.bulk_update(rows, ["version_key"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("releases", "0013_unconfirmed_tiers"), ("squads", "0010_stage_history")]

    operations = [
        migrations.CreateModel(
            "FormerName",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.CharField(max_length=340, unique=True)),
                ("line", models.CharField(blank=True, max_length=120)),
                ("version", models.CharField(max_length=200)),
                ("at", models.DateTimeField(default=portal.kernel.clock.now)),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="former_names",
                        to="releases.release",
                    ),
                ),
            ],
            {"ordering": ["at", "pk"]},
        ),
        migrations.AddField(
            "release",
            "version_key",
            releases.planning.models.VersionKeyField(default="", editable=False, max_length=1000),
        ),
        migrations.RunPython(fill_keys, migrations.RunPython.noop),
        migrations.AddIndex("acceptancerun", models.Index(fields=["key"], name="acceptance_key")),
        migrations.AddIndex("deployment", models.Index(fields=["key"], name="deployment_key")),
    ]
