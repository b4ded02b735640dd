"""Columns and a model get the names their field uses. No row is written; the alerts' table keeps its name."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("releases", "0009_issues_as_stories")]

    operations = [
        migrations.AlterModelTable("signal", "releases_signal"),
        migrations.RenameModel("Signal", "Alert"),
        migrations.AlterField(
            "alert",
            "environment",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="alerts",
                to="releases.environment",
            ),
        ),
        migrations.AlterField(
            "alert",
            "service",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="alerts", to="squads.service"
            ),
        ),
        migrations.AlterField(
            "alert",
            "incident",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="alerts", to="releases.incident"
            ),
        ),
        migrations.RenameField("alert", "words", "raw_status"),
        migrations.RenameField("run", "words", "raw_status"),
        migrations.RenameField("deployment", "words", "raw_status"),
        migrations.RenameField("acceptancerun", "words", "raw_status"),
        migrations.RenameField("source", "claimed_until", "leased_until"),
    ]
