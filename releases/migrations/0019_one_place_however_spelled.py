"""What all spellings of an environment's or a repository's name have in common, and the environment that one is another name
of. Small tables."""

import django.db.models.deletion
from django.db import migrations, models

import portal.kernel.names


def fold(apps, schema_editor):
    """Write it for those that are there."""
    for name in ("Environment", "Repository"):
        rows = apps.get_model("releases", name).objects.using(schema_editor.connection.alias)
        for row in rows.only("pk", "key").iterator(2000):
            rows.filter(pk=row.pk).update(folded=portal.kernel.names.fold_name(row.key)[:300])


def folded():
    """Return the column."""
    return portal.kernel.names.FoldedNameField(db_index=True, default="", editable=False, max_length=300, of="key")


class Migration(migrations.Migration):
    dependencies = [("releases", "0018_mentions")]

    operations = [
        migrations.AddField("environment", "folded", folded()),
        migrations.AddField("repository", "folded", folded()),
        migrations.AddField(
            "environment",
            "merged_into",
            models.ForeignKey(
                editable=False,
                help_text="the same, spelled otherwise",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="releases.environment",
            ),
        ),
        migrations.RunPython(fold, migrations.RunPython.noop),
    ]
