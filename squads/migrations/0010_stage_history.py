"""The table of stage changes. The stories there are get theirs from the worker, a few hundred at a time, by a message."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def ask(apps, schema_editor):
    """Have the stories judged that there are, after the commit: `squads.judging.subscribers.stories_unjudged`."""
    if apps.get_model("squads", "Story").objects.exists():
        apps.get_model("portal", "Message").objects.create(topic="stories.unjudged", payload={"after": 0})


class Migration(migrations.Migration):

    dependencies = [
        ('squads', '0009_evidence_detail'),
        ('portal', '0005_known_names'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='story',
            name='judge_digest',
            field=models.CharField(blank=True, editable=False, help_text='of all that it was judged by; empty before the first time', max_length=40),
        ),
        migrations.CreateModel(
            name='StageChange',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('from_stage', models.CharField(max_length=12)),
                ('to_stage', models.CharField(max_length=12)),
                ('at', models.DateTimeField()),
                ('why', models.TextField()),
                ('evidence', models.UUIDField(help_text='the evidence row that proves it, or that was taken back', null=True)),
                ('event_id', models.UUIDField(help_text='the inbound event that proves it', null=True)),
                ('cause', models.UUIDField(db_index=True, help_text='shared by all stories that were moved by the same thing')),
                ('person', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('story', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='stage_changes', to='squads.story')),
            ],
            options={
                'ordering': ['at', 'id'],
                'constraints': [models.UniqueConstraint(fields=('story', 'at'), name='stage_change_once')],
            },
        ),
        migrations.RunPython(ask, migrations.RunPython.noop),
    ]
