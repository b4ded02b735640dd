"""Readiness of releases: contents, gates, approvals, freezes, overrides, checks before deploying, snapshots, forecasts, trains."""

import django.db.models.deletion
import portal.kernel.clock
import portal.kernel.secrets
import releases.freezes.models
import releases.readiness.models
import uuid
from django.conf import settings
from django.db import migrations, models


def guard(apps, schema_editor):
    """Have the database itself refuse that a snapshot is changed."""
    table = apps.get_model("releases", "Snapshot")._meta.db_table
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE FUNCTION releases_snapshots_are_kept() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'snapshots are never changed'; END $$"
        )
        schema_editor.execute(
            f"CREATE TRIGGER releases_snapshots_are_kept BEFORE UPDATE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION releases_snapshots_are_kept()"
        )
    else:
        schema_editor.execute(
            f"CREATE TRIGGER releases_snapshots_are_kept BEFORE UPDATE ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'snapshots are never changed'); END"
        )


def unguard(apps, schema_editor):
    table = apps.get_model("releases", "Snapshot")._meta.db_table
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP TRIGGER IF EXISTS releases_snapshots_are_kept ON {table}")
        schema_editor.execute("DROP FUNCTION IF EXISTS releases_snapshots_are_kept()")
    else:
        schema_editor.execute("DROP TRIGGER IF EXISTS releases_snapshots_are_kept")


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('releases', '0024_contents_of_old_events'),
        ('squads', '0024_plan_accepters'),
    ]

    operations = [
        migrations.AddField(
            model_name='change',
            name='files',
            field=models.JSONField(default=list, help_text='files of the schema that it touches, according to git'),
        ),
        migrations.AddField(
            model_name='change',
            name='files_asked',
            field=models.PositiveIntegerField(default=0, help_text='by how many patterns git was asked; 0: not asked'),
        ),
        migrations.AddField(
            model_name='change',
            name='schema_kind',
            field=models.CharField(blank=True, help_text='what its message calls its schema change', max_length=8),
        ),
        migrations.AddField(
            model_name='release',
            name='abandoned_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='release',
            name='abandoned_because',
            field=models.TextField(blank=True, default='', editable=False),
        ),
        migrations.AddField(
            model_name='release',
            name='abandoned_by',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='release',
            name='goal',
            field=models.TextField(blank=True, help_text='What the release is for, in a sentence or two.', max_length=2000),
        ),
        migrations.AddField(
            model_name='release',
            name='owner',
            field=models.ForeignKey(blank=True, help_text='Who makes sure it goes out.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='owned_releases', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='release',
            name='revision',
            field=models.PositiveIntegerField(default=1, editable=False, help_text='counts what people changed about it'),
        ),
        migrations.AddField(
            model_name='releaselink',
            name='shows',
            field=models.CharField(choices=[('board', 'board'), ('status', 'status')], default='board', help_text='Which page it opens.', max_length=6),
        ),
        migrations.AlterField(
            model_name='release',
            name='planned_for',
            field=models.DateField(blank=True, help_text='The day it’s planned to go out, in your company’s time zone.', null=True, verbose_name='target date'),
        ),
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='approvals', to='releases.release')),
                ('kind', models.CharField(choices=[('person', 'a person'), ('managers', 'any project manager'), ('members', 'any member of a squad'), ('leads', 'any lead of a squad'), ('accepters', 'any accepter of a squad'), ('administrators', 'any administrator')], max_length=14)),
                ('person', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('squad', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='squads.squad')),
                ('asked_of', models.CharField(editable=False, help_text='kind and number: who was asked, as one text', max_length=40)),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('asked_at', models.DateTimeField(default=portal.kernel.clock.now)),
                ('note', models.TextField(blank=True)),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('given', 'given'), ('declined', 'declined'), ('withdrawn', 'withdrawn'), ('void', 'void')], default='waiting', max_length=9)),
                ('answered_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('answered_at', models.DateTimeField(null=True)),
                ('answer', models.TextField(blank=True)),
                ('content', models.JSONField(help_text='what the release shipped when it was answered', null=True)),
                ('content_digest', models.CharField(blank=True, max_length=64)),
                ('voided_at', models.DateTimeField(null=True)),
                ('why_void', models.JSONField(default=list, help_text='what changed since it was given, as sentences')),
            ],
            options={
                'ordering': ['-asked_at', '-id'],
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['release'], name='approval_waiting'), models.Index(condition=models.Q(('state', 'given')), fields=['release'], name='approval_given')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'waiting')), fields=('release', 'asked_of'), name='approval_asked_once')],
            },
        ),
        migrations.CreateModel(
            name='AppToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='releases.source')),
                ('installation', models.CharField(max_length=20)),
                ('token', portal.kernel.secrets.SecretField()),
                ('made_with', models.CharField(help_text='digest of the App’s id and key', max_length=64)),
                ('expires_at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('source', 'installation'), name='app_token_once')],
            },
        ),
        migrations.CreateModel(
            name='AskedPattern',
            fields=[
                ('number', models.PositiveIntegerField(primary_key=True, serialize=False)),
                ('pattern', models.CharField(max_length=200, unique=True)),
            ],
            options={
                'ordering': ['number'],
            },
        ),
        migrations.CreateModel(
            name='CalendarAddress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('start', models.CharField(editable=False, help_text='its first characters, to recognise it by', max_length=12)),
                ('created_at', models.DateTimeField(default=portal.kernel.clock.now, editable=False)),
                ('last_used_at', models.DateTimeField(editable=False, null=True)),
                ('revoked_at', models.DateTimeField(editable=False, null=True)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='calendar_addresses', to=settings.AUTH_USER_MODEL)),
                ('name', models.CharField(blank=True, max_length=80)),
            ],
            options={
                'verbose_name_plural': 'calendar addresses',
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='CalendarEntry',
            fields=[
                ('release', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='calendar_entry', serialize=False, to='releases.release')),
                ('said', models.CharField(max_length=500)),
                ('sequence', models.PositiveIntegerField(default=0)),
                ('changed_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'calendar entries',
            },
        ),
        migrations.CreateModel(
            name='ChecklistItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('release', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='checklist', to='releases.release')),
                ('line', models.CharField(blank=True, max_length=120)),
                ('text', models.CharField(max_length=300)),
                ('who', models.CharField(blank=True, help_text='Who does it: a person, squad or role.', max_length=80)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
                ('removed_at', models.DateTimeField(editable=False, null=True)),
                ('removed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('release', None), ('line', ''), _connector='OR'), name='checklist_item_of_one')],
            },
        ),
        migrations.CreateModel(
            name='CheckToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('start', models.CharField(editable=False, help_text='its first characters, to recognise it by', max_length=12)),
                ('created_at', models.DateTimeField(default=portal.kernel.clock.now, editable=False)),
                ('last_used_at', models.DateTimeField(editable=False, null=True)),
                ('revoked_at', models.DateTimeField(editable=False, null=True)),
                ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('expires_at', models.DateTimeField()),
                ('revoked_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('service', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='check_tokens', to='squads.service')),
                ('name', models.CharField(help_text='Where it is used.', max_length=80)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='DailyForecast',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='daily_forecasts', to='releases.release')),
                ('day', models.DateField()),
                ('target', models.DateField(help_text='what the release was planned for, that day', null=True)),
                ('total', models.PositiveIntegerField(help_text='its stories')),
                ('rodeo_done', models.PositiveIntegerField()),
                ('p50', models.DateField(help_text='50 % by the model', null=True)),
                ('p85', models.DateField(help_text='85 % by the model', null=True)),
                ('later_than', models.DateField(help_text='85 % is later than this', null=True)),
                ('chance', models.FloatField(help_text='how likely it is by the target, 0 to 1', null=True)),
                ('refused', models.TextField(blank=True, help_text='why there is no date')),
                ('seed', models.BigIntegerField(help_text='the same inputs with the same seed give the same dates')),
                ('trials', models.PositiveIntegerField()),
                ('at', models.DateTimeField(default=portal.kernel.clock.now, editable=False)),
            ],
            options={
                'ordering': ['release', '-day'],
                'constraints': [models.UniqueConstraint(fields=('release', 'day'), name='daily_forecast_once')],
            },
        ),
        migrations.CreateModel(
            name='DailyReadiness',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='daily_readiness', to='releases.release')),
                ('day', models.DateField()),
                ('verdict', models.CharField(max_length=9)),
                ('blockers', models.PositiveIntegerField()),
                ('rodeo_done', models.PositiveIntegerField()),
                ('total', models.PositiveIntegerField()),
                ('at', models.DateTimeField(default=portal.kernel.clock.now, editable=False)),
            ],
            options={
                'verbose_name_plural': 'daily readiness',
                'ordering': ['release', '-day'],
                'constraints': [models.UniqueConstraint(fields=('release', 'day'), name='daily_readiness_once')],
            },
        ),
        migrations.CreateModel(
            name='DeploymentCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asker', models.CharField(choices=[('script', 'script'), ('argo_rollouts', 'Argo Rollouts'), ('flagger', 'Flagger'), ('github', 'GitHub'), ('gitlab', 'GitLab'), ('person', 'person')], max_length=13)),
                ('by', models.CharField(help_text='the token, source or person that asked', max_length=200)),
                ('service', models.ForeignKey(help_text='empty: all of a release', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='deployment_checks', to='squads.service')),
                ('release', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deployment_checks', to='releases.release')),
                ('release_name', models.CharField(blank=True, help_text='what it was called then', max_length=340)),
                ('named', models.JSONField(default=dict, help_text='what was asked about, in the asker’s words')),
                ('environment', models.CharField(blank=True, max_length=120)),
                ('verdict', models.CharField(choices=[('ready', 'ready'), ('not_ready', 'not ready'), ('unknown', 'unknown')], max_length=9)),
                ('sentence', models.TextField()),
                ('first_at', models.DateTimeField()),
                ('at', models.DateTimeField(help_text='when this was asked last')),
                ('times', models.PositiveIntegerField(default=1)),
            ],
            options={
                'ordering': ['-at', '-id'],
                'indexes': [models.Index(fields=['service', '-at'], name='deployment_check_service'), models.Index(fields=['at'], name='deployment_check_at')],
            },
        ),
        migrations.CreateModel(
            name='DeployOrder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deployed_before', to='squads.service')),
                ('then', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deployed_after', to='squads.service')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
            ],
            options={
                'ordering': ['first__name', 'then__name'],
                'constraints': [models.UniqueConstraint(fields=('first', 'then'), name='deploy_order_once')],
            },
        ),
        migrations.CreateModel(
            name='FlagNeed',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='flag_needs', to='releases.release')),
                ('flag', models.CharField(max_length=120)),
                ('on', models.BooleanField(verbose_name='must be on')),
                ('audience', models.CharField(default='everyone', help_text='Who it must be on for.', max_length=60)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
            ],
            options={
                'ordering': ['flag'],
                'constraints': [models.UniqueConstraint(fields=('release', 'flag'), name='flag_need_once')],
            },
        ),
        migrations.CreateModel(
            name='Freeze',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uid', models.CharField(default=releases.freezes.models.new_uid, editable=False, max_length=255, unique=True)),
                ('name', models.CharField(max_length=120)),
                ('reason', models.TextField(blank=True)),
                ('zone', models.CharField(default='UTC', max_length=64)),
                ('starts_on', models.DateField()),
                ('starts_at', models.TimeField(blank=True, null=True)),
                ('ends_on', models.DateField()),
                ('ends_at', models.TimeField(blank=True, null=True)),
                ('rule', models.CharField(blank=True, help_text='how it repeats, as an iCalendar RRULE', max_length=320)),
                ('holidays', models.CharField(blank=True, help_text='NL or DE-BY: on each public holiday there', max_length=20)),
                ('exceptions', models.JSONField(blank=True, default=list, help_text='days on which it does not begin')),
                ('lines', models.JSONField(blank=True, default=list, help_text='the lines of releases it covers')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_at', models.DateTimeField(default=portal.kernel.clock.now, editable=False)),
                ('changed_at', models.DateTimeField(default=portal.kernel.clock.now, editable=False)),
                ('services', models.ManyToManyField(blank=True, related_name='+', to='squads.service')),
                ('environments', models.ManyToManyField(blank=True, related_name='+', to='releases.environment')),
            ],
            options={
                'ordering': ['starts_on', 'name', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='FreezeFeed',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('start', models.CharField(editable=False, help_text='its first characters, to recognise it by', max_length=12)),
                ('created_at', models.DateTimeField(default=portal.kernel.clock.now, editable=False)),
                ('last_used_at', models.DateTimeField(editable=False, null=True)),
                ('revoked_at', models.DateTimeField(editable=False, null=True)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='GateOverride',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='overrides', to='releases.release')),
                ('gate', models.CharField(max_length=40)),
                ('reason', models.TextField()),
                ('until', models.DateTimeField()),
                ('covers', models.JSONField(default=list, help_text='identities of the blockers that it was given for')),
                ('shown', models.JSONField(default=list, help_text='what those blockers said')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('withdrawn_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='GateTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('line', models.CharField(blank=True, max_length=120, unique=True)),
                ('gates', models.JSONField(default=releases.readiness.models.default_gates)),
                ('monitors', models.JSONField(blank=True, default=list, help_text='keys of sources that watch every service of these releases')),
                ('version', models.PositiveIntegerField(default=1, help_text='the number of times it was saved')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
            ],
            options={
                'ordering': ['line'],
            },
        ),
        migrations.CreateModel(
            name='GateTemplateVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('line', models.CharField(blank=True, max_length=120)),
                ('gates', models.JSONField(help_text='null: the template was deleted, so that of every line holds', null=True)),
                ('monitors', models.JSONField(default=list)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
            ],
            options={
                'ordering': ['-at', '-pk'],
                'indexes': [models.Index(fields=['line', 'at'], name='gate_template_version')],
            },
        ),
        migrations.CreateModel(
            name='OutsideCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('release', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='outside_checks', to='releases.release')),
                ('line', models.CharField(blank=True, max_length=120)),
                ('name', models.CharField(max_length=80)),
                ('url', models.CharField(help_text='May contain {version}, {line} and {slug}.', max_length=1000, verbose_name='address')),
                ('path', models.CharField(blank=True, help_text='Such as result.status.', max_length=200, verbose_name='JSON path')),
                ('expected', models.CharField(blank=True, max_length=200, verbose_name='must be')),
                ('header', models.CharField(blank=True, help_text='Such as Authorization.', max_length=80, verbose_name='header')),
                ('secret', portal.kernel.secrets.SecretField(blank=True, default='')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
                ('removed_at', models.DateTimeField(editable=False, null=True)),
                ('removed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['name', 'pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('release', None), ('line', ''), _connector='OR'), name='outside_check_of_one'), models.UniqueConstraint(condition=models.Q(('release', None), ('removed_at', None)), fields=('line', 'name'), name='outside_check_of_line_once'), models.UniqueConstraint(condition=models.Q(('release__isnull', False), ('removed_at', None)), fields=('release', 'name'), name='outside_check_of_release_once')],
            },
        ),
        migrations.CreateModel(
            name='ReadinessDigest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('person', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='readiness_digest', to=settings.AUTH_USER_MODEL)),
                ('wanted', models.BooleanField(default=True)),
                ('last_week', models.CharField(help_text='the last week that needs no mail any more, such as 2026-W49', max_length=8)),
            ],
        ),
        migrations.CreateModel(
            name='ReadinessView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='readiness_views', to=settings.AUTH_USER_MODEL)),
                ('name', models.CharField(max_length=60)),
                ('query', models.CharField(help_text="the query of the overview's address", max_length=1000)),
            ],
            options={
                'ordering': ['name'],
                'constraints': [models.UniqueConstraint(fields=('owner', 'name'), name='readiness_view_once')],
            },
        ),
        migrations.CreateModel(
            name='ReleaseContent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='chosen_contents', to='releases.release')),
                ('service', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='chosen_contents', to='squads.service')),
                ('sha', models.CharField(blank=True, help_text='the commit to be deployed; empty: found', max_length=100)),
                ('purl', models.CharField(blank=True, help_text='the artifact to be deployed; empty: found', max_length=500)),
                ('configuration', models.CharField(blank=True, help_text='the version of configuration that ships', max_length=200)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
                ('version', models.PositiveIntegerField(default=1, help_text='the number of times it was chosen')),
            ],
            options={
                'ordering': ['release', 'service'],
                'constraints': [models.UniqueConstraint(fields=('release', 'service'), name='release_content_once')],
            },
        ),
        migrations.CreateModel(
            name='ReleaseNotes',
            fields=[
                ('release', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='release_notes', serialize=False, to='releases.release')),
                ('generated', models.TextField(blank=True)),
                ('text', models.TextField(blank=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('generated_at', models.DateTimeField(default=portal.kernel.clock.now)),
                ('changed_at', models.DateTimeField(default=portal.kernel.clock.now)),
            ],
            options={
                'verbose_name_plural': 'release notes',
            },
        ),
        migrations.CreateModel(
            name='ReleaseTrain',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('line', models.CharField(blank=True, max_length=120)),
                ('pattern', models.CharField(max_length=100)),
                ('weekday', models.PositiveSmallIntegerField(choices=[(0, 'Monday'), (1, 'Tuesday'), (2, 'Wednesday'), (3, 'Thursday'), (4, 'Friday'), (5, 'Saturday'), (6, 'Sunday')])),
                ('weeks', models.PositiveSmallIntegerField()),
                ('starts_on', models.DateField()),
                ('zone', models.CharField(default='UTC', max_length=64)),
                ('ahead', models.PositiveSmallIntegerField(default=2)),
                ('next_number', models.PositiveIntegerField(default=1)),
                ('state', models.CharField(choices=[('running', 'running'), ('paused', 'paused'), ('ended', 'ended')], default='running', max_length=7)),
                ('problem', models.TextField(blank=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_at', models.DateTimeField(default=portal.kernel.clock.now)),
            ],
            options={
                'ordering': ['line', 'pk'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'ended'), _negated=True), fields=('line',), name='train_of_line_once')],
            },
        ),
        migrations.CreateModel(
            name='SchemaNaming',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('change', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='schema_namings', to='releases.change')),
                ('path', models.CharField(max_length=1000)),
                ('kind', models.CharField(choices=[('expand', 'expand'), ('contract', 'contract')], max_length=8)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
            ],
            options={
                'ordering': ['change', 'path'],
            },
        ),
        migrations.CreateModel(
            name='SchemaPatterns',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('service', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='schema_patterns', to='squads.service')),
                ('patterns', models.JSONField(default=list)),
                ('asked', models.PositiveIntegerField(default=0, help_text='how many patterns git is asked by to know these files')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
                ('version', models.PositiveIntegerField(default=1, help_text='the number of edits')),
            ],
            options={
                'verbose_name_plural': 'schema patterns',
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='Shipping',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('release', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='shippings', to='releases.release')),
                ('moment', models.CharField(choices=[('began', 'a part of it is in production'), ('out', 'all of it is in production'), ('back', 'nothing of it is in production any more'), ('said', 'somebody said that it’s out')], max_length=5)),
                ('shipped_at', models.DateTimeField(null=True)),
                ('noticed_at', models.DateTimeField(default=portal.kernel.clock.now)),
                ('why_not', models.TextField(blank=True)),
            ],
            options={
                'ordering': ['pk'],
                'indexes': [models.Index(fields=['release', 'id'], name='shipping_of_release')],
            },
        ),
        migrations.CreateModel(
            name='Snapshot',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('release', models.UUIDField(db_index=True)),
                ('release_name', models.CharField(max_length=340)),
                ('release_slug', models.CharField(max_length=340)),
                ('reason', models.CharField(choices=[('began', 'when it began to go out'), ('shipped', 'when it went out'), ('said', 'when somebody said that it’s out'), ('by_hand', 'by hand')], max_length=7)),
                ('note', models.CharField(blank=True, max_length=300)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField()),
                ('verdict', models.CharField(choices=[('ready', 'ready'), ('not_ready', 'not ready'), ('unknown', 'unknown')], max_length=9)),
                ('sentence', models.TextField()),
                ('document', models.TextField()),
                ('sha256', models.CharField(max_length=64, unique=True)),
            ],
            options={
                'ordering': ['-at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='WaitingCheck',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='waiting_checks', to='releases.source')),
                ('event', models.UUIDField(help_text='the event that asked')),
                ('thread', models.CharField(max_length=300)),
                ('answer_to', models.CharField(max_length=1000)),
                ('repository', models.CharField(blank=True, max_length=250)),
                ('sha', models.CharField(blank=True, max_length=64)),
                ('environment', models.CharField(blank=True, max_length=120)),
                ('service_name', models.CharField(blank=True, max_length=130)),
                ('release_slug', models.CharField(blank=True, max_length=340)),
                ('check_id', models.CharField(blank=True, max_length=20)),
                ('installation', models.CharField(blank=True, max_length=20)),
                ('url', models.CharField(blank=True, max_length=1000)),
                ('asked_at', models.DateTimeField()),
                ('decide_by', models.DateTimeField()),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('allowed', 'allowed'), ('refused', 'refused'), ('withdrawn', 'withdrawn'), ('failed', 'failed')], default='waiting', max_length=9)),
                ('sentence', models.TextField(blank=True, help_text='what was found last')),
                ('answered_at', models.DateTimeField(null=True)),
                ('reports', models.PositiveIntegerField(default=0)),
                ('reported', models.TextField(blank=True)),
                ('reported_at', models.DateTimeField(null=True)),
                ('unsure', models.CharField(blank=True, choices=[('waiting', 'waiting'), ('allowed', 'allowed'), ('refused', 'refused'), ('withdrawn', 'withdrawn'), ('failed', 'failed')], max_length=9)),
                ('unsure_sentence', models.TextField(blank=True)),
                ('next_at', models.DateTimeField(null=True)),
                ('attempts', models.PositiveIntegerField(default=0, help_text='failures since the last success')),
                ('error', models.TextField(blank=True)),
            ],
            options={
                'ordering': ['-asked_at', 'id'],
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['next_at'], name='waiting_check_due'), models.Index(fields=['source', 'thread'], name='waiting_check_thread')],
            },
        ),
        migrations.CreateModel(
            name='ChecklistTick',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('item', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='ticks', to='releases.checklistitem')),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='ticks', to='releases.release')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
                ('unticked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('unticked_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['-at', '-pk'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('unticked_at', None)), fields=('item', 'release'), name='checklist_ticked_once')],
            },
        ),
        migrations.CreateModel(
            name='Departure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('train', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='departures', to='releases.releasetrain')),
                ('day', models.DateField()),
                ('number', models.PositiveIntegerField()),
                ('release', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='departures', to='releases.release')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
            ],
            options={
                'ordering': ['-day'],
                'constraints': [models.UniqueConstraint(fields=('train', 'day'), name='departure_once')],
            },
        ),
        migrations.CreateModel(
            name='FreezeLift',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('freeze', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lifts', to='releases.freeze')),
                ('day', models.DateField(blank=True, help_text='the day on which it begins, in its zone; empty: each', null=True)),
                ('release', models.ForeignKey(blank=True, help_text='empty: all releases', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='releases.release')),
                ('reason', models.TextField()),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
                ('expires_at', models.DateTimeField()),
                ('terms', models.CharField(editable=False, max_length=64)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('withdrawn_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-at', '-pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('day__isnull', False), ('release__isnull', False), _connector='OR'), name='freeze_lift_of_something')],
            },
        ),
        migrations.CreateModel(
            name='NotesVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('notes', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='releases.releasenotes')),
                ('version', models.PositiveIntegerField()),
                ('text', models.TextField(blank=True)),
                ('made', models.CharField(choices=[('generated', 'generated'), ('edited', 'edited')], max_length=9)),
                ('differences', models.JSONField(default=list)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('because', models.CharField(blank=True, max_length=200)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
            ],
            options={
                'ordering': ['-version'],
                'constraints': [models.UniqueConstraint(fields=('notes', 'version'), name='notes_version_once')],
            },
        ),
        migrations.CreateModel(
            name='OutsideAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('of', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='answers', to='releases.outsidecheck')),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='outside_answers', to='releases.release')),
                ('outcome', models.CharField(blank=True, default='', max_length=10)),
                ('detail', models.CharField(blank=True, default='', max_length=300)),
                ('content', models.CharField(blank=True, default='', max_length=64)),
                ('at', models.DateTimeField(null=True)),
                ('since', models.DateTimeField(null=True)),
                ('wanted_at', models.DateTimeField(null=True)),
                ('leased_until', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['pk'],
                'indexes': [models.Index(condition=models.Q(('wanted_at__isnull', False)), fields=['wanted_at'], name='outside_wanted')],
                'constraints': [models.UniqueConstraint(fields=('of', 'release'), name='outside_answer_once')],
            },
        ),
        migrations.CreateModel(
            name='TrainEdit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('train', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='edits', to='releases.releasetrain')),
                ('version', models.PositiveIntegerField()),
                ('changes', models.JSONField(default=dict)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(default=portal.kernel.clock.now)),
            ],
            options={
                'ordering': ['-version'],
                'constraints': [models.UniqueConstraint(fields=('train', 'version'), name='train_edit_once')],
            },
        ),
        migrations.RunPython(guard, unguard),
    ]
