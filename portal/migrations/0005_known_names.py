import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def keep_present_names(apps, schema_editor):
    """Keep in mind what everybody goes by today."""
    known, people = apps.get_model("portal", "KnownName"), apps.get_model("portal", "User")
    rows = []
    for person in people.objects.order_by("pk").iterator():
        full = f"{person.first_name} {person.last_name}".strip()
        names = {name.strip() for name in (full, person.username, person.email) if name.strip()}
        rows += [known(user=person, name=name) for name in sorted(names)]
    known.objects.bulk_create(rows, batch_size=500)


class Migration(migrations.Migration):

    dependencies = [
        ("portal", "0004_programs_and_cache"),
    ]

    operations = [
        migrations.CreateModel(
            name="KnownName",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=320)),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="known_names", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("user", "name"), name="known_name_once")],
            },
        ),
        migrations.RunPython(keep_present_names, migrations.RunPython.noop),
    ]
