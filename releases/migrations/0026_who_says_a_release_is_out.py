"""Whether a person said that a release is out, instead of guessing it from its date and that of its tag.

A date that is its tag's, also cut to the minute as the form used to, is the tag's. A date in the future was never out: it
becomes the target date, if there is none.
"""

from django.db import migrations, models
from django.db.models import Q

from portal.kernel import clock, days


def find_who_said_so(apps, schema_editor):
    """Keep what a person said, and give everything else the date of its tag."""
    releases = apps.get_model("releases", "Release").objects.using(schema_editor.connection.alias)
    now = clock.now()
    for row in releases.filter(released_at__isnull=False).order_by("pk"):
        cut = row.tagged_at and row.tagged_at.replace(second=0, microsecond=0)
        if row.released_at in (row.tagged_at, cut) or row.released_at > now:
            if row.released_at > now and row.released_at != row.tagged_at and row.planned_for is None:
                row.planned_for = days.day_of(row.released_at)
            row.released_at = row.tagged_at
        else:
            row.is_out = True
        row.save(update_fields=["released_at", "is_out", "planned_for"])


class Migration(migrations.Migration):
    dependencies = [("releases", "0025_readiness")]

    operations = [
        migrations.AddField(
            "release",
            "is_out",
            models.BooleanField(
                default=False,
                editable=False,
                help_text="whether a person said that it went out; a tag alone says it of none: a candidate has one too",
            ),
        ),
        migrations.AlterField(
            "release",
            "released_at",
            models.DateTimeField(
                blank=True, help_text="When it went out; not in the future. A tag alone doesn’t mean it’s out.", null=True
            ),
        ),
        migrations.RunPython(find_who_said_so, migrations.RunPython.noop),
        migrations.AddConstraint(
            "release",
            models.CheckConstraint(
                condition=Q(is_out=False) | Q(released_at__isnull=False), name="release_out_since"
            ),
        ),
    ]
