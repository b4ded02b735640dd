"""Reports say whether they are planned work; and incidents that were there before the search knew any are found from now on.

The index of the search is brought up to date by the worker, a few hundred incidents at a time, while the portal serves.
"""

from typing import Any

from django.db import migrations, models

AT_ONCE = 200


def find_incidents(apps: Any, schema_editor: Any) -> None:
    """Have every incident indexed."""
    ids = list(apps.get_model("releases", "Incident").objects.order_by("number").values_list("pk", flat=True))
    messages = apps.get_model("portal", "Message").objects
    for start in range(0, len(ids), AT_ONCE):
        some = [str(pk) for pk in ids[start : start + AT_ONCE]]
        messages.create(topic="search.stale", payload={"kind": "incident", "ids": some})


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0014_answers_about_deployments"),
        ("releases", "0030_learnings_read"),
    ]

    operations = [
        migrations.AddField(
            model_name="incidentreport",
            name="is_maintenance",
            field=models.BooleanField(default=False, help_text="its source says that it’s planned work"),
        ),
        migrations.RunPython(find_incidents, migrations.RunPython.noop),
    ]
