"""Whoever chooses an artifact is asked which others have its digest: that is looked up now, not searched for in every purl."""

import releases.artifacts.models
from django.db import migrations, models

from releases.artifacts.purls import digest_in


def fill(apps, schema_editor):
    artifacts = apps.get_model("releases", "Artifact").objects.using(schema_editor.connection.alias)
    batch = []
    for row in artifacts.only("purl").order_by().iterator():
        if digest := digest_in(row.purl):
            row.digest = digest
            batch.append(row)
        if len(batch) == 1000:
            artifacts.bulk_update(batch, ["digest"])
            batch = []
    artifacts.bulk_update(batch, ["digest"])


class Migration(migrations.Migration):

    dependencies = [
        ("releases", "0026_who_says_a_release_is_out"),
    ]

    operations = [
        migrations.AddField(
            model_name="artifact",
            name="digest",
            field=releases.artifacts.models.DigestField(blank=True, default="", editable=False, max_length=140),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
        migrations.AddIndex(
            model_name="artifact",
            index=models.Index(fields=["digest"], name="artifact_digest"),
        ),
    ]
