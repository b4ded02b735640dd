import random
import uuid

import django.db.models.deletion
from django.db import migrations, models

ONCE = models.UniqueConstraint(fields=["session", "voter"], name="ballot_once")


def _fields(pk):
    return [
        ("id", pk),
        ("voter", models.CharField(max_length=64)),
        ("votes", models.JSONField(default=dict, help_text="how many votes for which group")),
        (
            "session",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                # Two tables stand side by side for a moment.
                related_name="+",
                to="squads.retrospectivesession",
            ),
        ),
    ]


def _copy(apps, editor, source, target):
    rows = list(apps.get_model("squads", source).objects.values("session_id", "voter", "votes"))
    random.SystemRandom().shuffle(rows)
    model = apps.get_model("squads", target)
    model.objects.bulk_create([model(**each) for each in rows])
    # PostgreSQL checks keys at the end of the transaction, and changes no table before.
    editor.connection.check_constraints()


def copy(apps, editor):
    _copy(apps, editor, "ballot", "ballotwithoutorder")


def copy_back(apps, editor):
    _copy(apps, editor, "ballotwithoutorder", "ballot")


class Migration(migrations.Migration):
    dependencies = [("squads", "0031_add_feed_addresses")]

    operations = [
        migrations.RemoveConstraint("ballot", "ballot_once"),
        migrations.CreateModel(
            name="BallotWithoutOrder",
            fields=_fields(models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
        ),
        migrations.RunPython(copy, copy_back),
        migrations.DeleteModel("Ballot"),
        migrations.RenameModel("BallotWithoutOrder", "Ballot"),
        migrations.AlterField(
            model_name="ballot",
            name="session",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="ballots",
                to="squads.retrospectivesession",
            ),
        ),
        migrations.AddConstraint("ballot", ONCE),
        migrations.AlterField(
            model_name="retrospectivesession",
            name="contributors",
            field=models.PositiveSmallIntegerField(
                help_text="of how many people there were cards at the reveal", null=True
            ),
        ),
    ]
