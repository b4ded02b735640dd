"""The newest retrospectives, and what lists can be narrowed by, are found without reading all of them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("squads", "0028_ask_whether_actions_helped")]

    operations = [
        migrations.AddIndex(
            model_name="retrospective",
            index=models.Index(fields=["-shown_at", "-id"], name="retrospective_newest"),
        ),
        migrations.AddIndex(
            model_name="retrospective",
            index=models.Index(
                fields=["state", "restricted", "severity", "year", "squad", "facilitator", "shown_at", "id"],
                name="retrospective_offered",
            ),
        ),
    ]
