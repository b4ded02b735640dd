"""What all spellings of a service's name have in common, and the service that one is another name of. A small table."""

import django.db.models.deletion
from django.db import migrations, models

import portal.kernel.names


def fold(apps, schema_editor):
    """Write it for the services that are there."""
    rows = apps.get_model("squads", "Service").objects.using(schema_editor.connection.alias)
    for row in rows.only("pk", "name").iterator(2000):
        rows.filter(pk=row.pk).update(folded=portal.kernel.names.fold_name(row.name)[:300])


class Migration(migrations.Migration):
    dependencies = [("squads", "0013_who_may_name_keys")]

    operations = [
        migrations.AddField(
            "service",
            "folded",
            portal.kernel.names.FoldedNameField(db_index=True, default="", editable=False, max_length=300, of="name"),
        ),
        migrations.AddField(
            "service",
            "merged_into",
            models.ForeignKey(
                editable=False,
                help_text="the same, spelled otherwise",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="squads.service",
            ),
        ),
        migrations.RunPython(fold, migrations.RunPython.noop),
    ]
