"""Messages of the outbox wait between attempts, and are dead once they failed for too long."""

from django.db import migrations, models
from django.db.models import F
from django.db.models.functions import Now

# So many failures used to end the attempts for good.
MOST_ATTEMPTS = 10


def given_up_is_dead(apps, schema_editor):
    """Messages that were given up before are dead; everything else that waits is due at once."""
    messages = apps.get_model("portal", "Message").objects.filter(handled_at__isnull=True)
    messages.filter(attempts__gte=MOST_ATTEMPTS).update(failed_at=F("created_at"), dead_at=Now())


class Migration(migrations.Migration):

    dependencies = [
        ("portal", "0005_known_names"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="message", name="message_waiting"),
        migrations.AddField(model_name="message", name="dead_at", field=models.DateTimeField(null=True)),
        migrations.AddField(model_name="message", name="failed_at", field=models.DateTimeField(null=True)),
        migrations.AddField(model_name="message", name="next_attempt_at", field=models.DateTimeField(null=True)),
        migrations.RunPython(given_up_is_dead, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("dead_at__isnull", True), ("handled_at__isnull", True)), fields=["id"], name="message_due"
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(condition=models.Q(("dead_at__isnull", False)), fields=["dead_at"], name="message_dead"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(condition=models.Q(("handled_at__isnull", False)), fields=["handled_at"], name="message_delivered"),
        ),
    ]
