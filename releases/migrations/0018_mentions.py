"""Links say where their key stands and whether they are for reading only; who is a bot.

Links of before count as they did until their events are read again, which the worker does within minutes: descriptions
and the notes of bots then turn into mentions, and tests prove stories only where they say so.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Where the key of a link of each rule stood, as far as is known without reading its event.
PLACES = {
    "message": {"git_named": [["subject", "", False, False]]},
    "pull_request": {"told_named": [["title", "", False, False]]},
    "branch": {"told_named": [["branch", "", False, False]]},
    "event": {"told_named": [["event", "", False, False]]},
}


def read_again(apps, schema_editor):
    links, events, facts = (apps.get_model("releases", name) for name in ("StoryLink", "InboundEvent", "Fact"))
    for rule, places in PLACES.items():
        links.objects.filter(rule=rule).update(**places)
    told = {"git_named": [], "told_named": PLACES["message"]["git_named"]}
    links.objects.filter(rule="message", change__known=False).update(**told)
    told = facts.objects.filter(
        models.Q(kind="change") | models.Q(kind="acceptance", event__source__kind__in=("cdevents", "report"))
    )
    again = models.Q(kind="git.commits") | models.Q(pk__in=told.values("event_id"))
    events.objects.filter(again, state="processed").update(state="pending")


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0017_relations_of_commits'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='storylink',
            name='git_named',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='storylink',
            name='mention',
            field=models.CharField(blank=True, choices=[('description', 'mentioned in a description'), ('quoted', 'mentioned in quoted lines'), ('bot', 'mentioned by a bot'), ('repository', 'named in a repository that may not name the squad’s keys'), ('hint', 'looks like its key'), ('nothing', 'only looks like a key')], default='', help_text='empty: it asks', max_length=12),
        ),
        migrations.AddField(
            model_name='storylink',
            name='told_named',
            field=models.JSONField(default=list),
        ),
        migrations.AlterField(
            model_name='storylink',
            name='rule',
            field=models.CharField(choices=[('message', 'named in the commit message'), ('pull_request', 'named in the title of the pull request'), ('description', 'named in the description of the pull request'), ('branch', 'named in the branch'), ('event', 'named in the event'), ('person', 'linked by a person')], max_length=12),
        ),
        migrations.CreateModel(
            name='BotRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='A name, login or e-mail address as commits and requests give it; * fits any.', max_length=200, unique=True)),
                ('is_bot', models.BooleanField(default=True)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.RunPython(read_again, migrations.RunPython.noop),
    ]
