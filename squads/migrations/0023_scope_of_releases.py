"""Scope changes get rows of their own, and squads a limit per release. What was planned before is told from the edits of stories."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

AT_ONCE = 1000


def tell_earlier_changes(apps, schema_editor):
    """Make the scope changes of before from the edits of stories: which release each was planned for, when, by whom."""
    Story, StoryEdit, ScopeChange = (apps.get_model("squads", name) for name in ("Story", "StoryEdit", "ScopeChange"))
    known = set(apps.get_model("releases", "Release").objects.values_list("pk", flat=True))
    edited = StoryEdit.objects.filter(field="release").values("story")
    stories = Story.objects.filter(models.Q(release__isnull=False) | models.Q(pk__in=edited)).order_by("pk")
    columns = ("pk", "release_id", "ending", "created_at", "created_by_id")
    batch, last = True, 0
    while batch:
        batch = list(stories.filter(pk__gt=last).values_list(*columns)[:AT_ONCE])
        last = batch[-1][0] if batch else last
        edits = {}
        rows = StoryEdit.objects.filter(story__in=[pk for pk, *_ in batch], field__in=("release", "ending"))
        for edit in rows.order_by("at", "version", "pk"):
            edits.setdefault(edit.story_id, []).append(edit)
        found = []
        for story in batch:
            found += changes_of(story, edits.get(story[0], []), known)
        ScopeChange.objects.bulk_create([ScopeChange(how="earlier", **each) for each in found], batch_size=AT_ONCE)


def changes_of(story, edits, known):
    """Return the columns of the scope changes of one story, which must lead to what it is planned for now."""
    pk, release, ending, created_at, created_by = story
    first = next((edit.before for edit in edits if edit.field == "release"), None)
    planned = _meant(first, known) if any(edit.field == "release" for edit in edits) else release
    ended = bool(ending) and not any(edit.field == "ending" for edit in edits)
    steps = [(created_at, created_by, None if ended else planned)]
    for edit in edits:
        if edit.field == "release":
            planned = _meant(edit.after, known)
        else:
            ended = bool((edit.after or {}).get("ending"))
        steps.append((edit.at, edit.by_id, None if ended else planned))
    # Imports kept only the name of a release: what it is now is what they said last.
    at, by, _ = steps[-1]
    steps[-1] = (at, by, None if ending else release)
    found, before = [], None
    for at, by, after in steps:
        if after != before:
            found.append({"story_id": pk, "from_release_id": before, "to_release_id": after, "at": at, "by_id": by})
            before = after
    return found


def _meant(value, known):
    """Return the id of the release that an edit names; None for none, and where it keeps only a name or it is gone."""
    try:
        release = uuid.UUID(value["id"])
    except (TypeError, KeyError, ValueError):
        return None
    return release if release in known else None


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0024_contents_of_old_events'),
        ('squads', '0022_plainer_words'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='squad',
            name='batch_limit',
            field=models.PositiveSmallIntegerField(blank=True, help_text='Most stories of the squad in one release. Leave empty for no limit.', null=True),
        ),
        migrations.CreateModel(
            name='ScopeChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('how', models.CharField(choices=[('created', 'planned when it was created'), ('planned', 'planned'), ('imported', 'imported'), ('cancelled', 'cancelled'), ('duplicate', 'closed as a duplicate'), ('reopened', 'reopened'), ('renamed', 'the tag belongs to another release'), ('earlier', 'from before scope changes were recorded')], max_length=10)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('from_release', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='scope_losses', to='releases.release')),
                ('story', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='scope_changes', to='squads.story')),
                ('to_release', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='scope_gains', to='releases.release')),
            ],
            options={
                'ordering': ['at', 'id'],
                'indexes': [models.Index(fields=['from_release', 'at'], name='scope_from_release'), models.Index(fields=['to_release', 'at'], name='scope_to_release')],
            },
        ),
        migrations.RunPython(tell_earlier_changes, migrations.RunPython.noop),
    ]
