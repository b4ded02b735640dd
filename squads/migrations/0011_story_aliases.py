"""What stories are called where they came from. Those brought in before get their rows, and what names them is linked anew."""

import re

import django.db.models.deletion
from django.db import migrations, models

# As squads/teams/keys.py had it at the time.
KEY = re.compile(r"([A-Z][A-Z0-9_]{0,19})-([1-9][0-9]{0,5})")
SYSTEMS = ("jira", "csv", "rodeo")
AT_ONCE = 1000


def fill(apps, schema_editor):
    """Let stories that were brought in be called by their keys there; the worker links the changes that name them."""
    Story, StoryAlias = apps.get_model("squads", "Story"), apps.get_model("squads", "StoryAlias")
    Message = apps.get_model("portal", "Message")
    here = set(Story.objects.values_list("key", flat=True))
    rows, ids = [], []
    for pk, key, external in Story.objects.exclude(external="").order_by("pk").values_list("pk", "key", "external"):
        system, _, name = external.partition(":")
        found = KEY.fullmatch(name.upper()) if system in SYSTEMS else None
        # Rodeo's own export, brought back to another squad, copies a story: its key stays the first one's.
        if found is None or found[0] == key or (system == "rodeo" and found[0] in here):
            continue
        rows.append(StoryAlias(story_id=pk, key=found[0], prefix=found[1], number=int(found[2])))
        ids.append(pk)
    StoryAlias.objects.bulk_create(rows, batch_size=AT_ONCE)
    for start in range(0, len(ids), AT_ONCE):
        Message.objects.create(topic="stories.imported", payload={"ids": ids[start : start + AT_ONCE]})


class Migration(migrations.Migration):

    dependencies = [
        ("squads", "0010_stage_history"),
        ("portal", "0005_known_names"),
    ]

    operations = [
        migrations.CreateModel(
            name="StoryAlias",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(help_text="in capitals", max_length=40)),
                ("prefix", models.CharField(max_length=40)),
                ("number", models.PositiveIntegerField()),
                ("story", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="aliases", to="squads.story")),
            ],
            options={
                "verbose_name_plural": "story aliases",
                "ordering": ["prefix", "number", "id"],
                "indexes": [models.Index(fields=["prefix", "-number"], name="story_alias_number")],
                "constraints": [models.UniqueConstraint(fields=("key", "story"), name="story_alias_once")],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
