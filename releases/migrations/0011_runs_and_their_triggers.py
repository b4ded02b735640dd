"""What started a run, and which pipelines of a service must be green. Runs known before are read again."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def read_runs_again(apps, schema_editor):
    """Have the events that told of runs read again, for what started them and for the attempts they tell of."""
    event = apps.get_model("releases", "InboundEvent")
    fact = apps.get_model("releases", "Fact")
    told = fact.objects.filter(kind="run").values("event")
    event.objects.filter(pk__in=told, state="processed").update(state="pending")


class Migration(migrations.Migration):
    dependencies = [
        ("releases", "0010_plain_names"),
        ("squads", "0010_stage_history"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="trigger",
            field=models.CharField(
                blank=True, default="", help_text="what started it; empty where nothing tells", max_length=12
            ),
            preserve_default=False,
        ),
        migrations.CreateModel(
            name="RequiredPipelines",
            fields=[
                (
                    "service",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="required_pipelines",
                        serialize=False,
                        to="squads.service",
                    ),
                ),
                ("names", models.JSONField(default=list, help_text="names of pipelines, in any case of letters")),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["service"]},
        ),
        migrations.RunPython(read_runs_again, migrations.RunPython.noop),
    ]
