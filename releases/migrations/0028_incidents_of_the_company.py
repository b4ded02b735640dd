"""Incidents are the company's own now; what sources report of them is written anew, by a message to the worker."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

KINDS = ["alertmanager", "cdevents", "generic", "nagios", "opsgenie", "pagerduty", "sensu"]


def ask(apps, schema_editor):
    """Have what tells of alerts and incidents read again after the commit, so that incidents come of it."""
    reports = apps.get_model("releases", "IncidentReport").objects.exists()
    if reports:
        apps.get_model("portal", "Message").objects.create(topic="events.outdated", payload={"kinds": KINDS})


class Migration(migrations.Migration):

    dependencies = [
        ("releases", "0027_digests_of_artifacts"),
        ("squads", "0024_plan_accepters"),
        ("portal", "0006_message_delays_and_dead_messages"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RenameModel("Incident", "IncidentReport"),
        migrations.RenameField("alert", "incident", "report"),
        migrations.CreateModel(
            name='Severity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60, unique=True)),
                ('meaning', models.CharField(blank=True, max_length=500)),
                ('order', models.PositiveSmallIntegerField(default=1, help_text='1 is the worst.')),
                ('due_days', models.PositiveSmallIntegerField(blank=True, help_text='Days until its actions are due.', null=True)),
                ('alert_severities', models.JSONField(blank=True, default=list, help_text='how monitoring systems call it')),
            ],
            options={
                'verbose_name_plural': 'severities',
                'ordering': ['order', 'pk'],
            },
        ),
        migrations.AddField(
            model_name='incidentreport',
            name='thread',
            field=models.CharField(db_index=True, default='', max_length=300),
        ),
        migrations.AlterField(
            model_name='incidentreport',
            name='environment',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='incident_reports', to='releases.environment'),
        ),
        migrations.AlterField(
            model_name='incidentreport',
            name='service',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='incident_reports', to='squads.service'),
        ),
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField(unique=True)),
                ('title', models.CharField(blank=True, max_length=300)),
                ('impact_started_at', models.DateTimeField(null=True)),
                ('detected_at', models.DateTimeField(null=True)),
                ('declared_at', models.DateTimeField(null=True)),
                ('mitigated_at', models.DateTimeField(null=True)),
                ('resolved_at', models.DateTimeField(null=True)),
                ('starts_at', models.DateTimeField(help_text='impact start, else detection, else declaration, else the rest', null=True)),
                ('is_maintenance', models.BooleanField(default=False)),
                ('stated', models.JSONField(default=dict, help_text='lengths written down elsewhere: minutes and words by measure')),
                ('thread', models.CharField(blank=True, db_index=True, max_length=300)),
                ('began_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('withdrawn_at', models.DateTimeField(help_text='when nothing reported it any more', null=True)),
                ('created_at', models.DateTimeField()),
                ('imported_as', models.CharField(help_text='its row in an imported log', max_length=300, null=True, unique=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('commander', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('environments', models.ManyToManyField(related_name='incidents', to='releases.environment')),
                ('liaison', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('merged_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('merged_into', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='merged', to='releases.incident')),
                ('scribe', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('services', models.ManyToManyField(related_name='incidents', to='squads.service')),
                ('severity', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='incidents', to='releases.severity')),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.AddField(
            model_name='incidentreport',
            name='incident',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='reports', to='releases.incident'),
        ),
        migrations.CreateModel(
            name='IncidentCorrection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('field', models.CharField(max_length=20)),
                ('before', models.JSONField(null=True)),
                ('after', models.JSONField(null=True)),
                ('because', models.CharField(blank=True, max_length=500)),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='corrections', to='releases.incident')),
            ],
            options={
                'ordering': ['at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='IncidentSettings',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reopen_minutes', models.PositiveIntegerField(default=60, help_text='An alert that comes back this soon after its incident was over reopens the incident.')),
                ('attribution_hours', models.PositiveIntegerField(default=24, help_text='Only deployments this long before an incident are proposed as its cause.')),
            ],
            options={
                'verbose_name_plural': 'incident settings',
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='incident_settings_once')],
            },
        ),
        migrations.CreateModel(
            name='IncidentUpdate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField()),
                ('public', models.CharField(blank=True, max_length=280)),
                ('happened_at', models.DateTimeField()),
                ('written_at', models.DateTimeField()),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='updates', to='releases.incident')),
            ],
            options={
                'ordering': ['happened_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='ReportPlacement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('thread', models.CharField(db_index=True, max_length=300)),
                ('moment', models.DateTimeField()),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='placements', to='releases.incident')),
            ],
            options={
                'ordering': ['at', 'id'],
            },
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['resolved_at', 'starts_at'], name='incident_open_first'),
        ),
        migrations.RunPython(ask, migrations.RunPython.noop, elidable=True),
    ]
