"""A squad without a lead could be changed by administrators only: whoever joined first leads it."""

from django.db import migrations


def name_first_leads(apps, schema_editor):
    """Make the earliest member of every squad without a lead its lead."""
    Membership = apps.get_model("squads", "Membership")
    led = set(Membership.objects.filter(role="lead").values_list("squad_id", flat=True))
    seen = set(led)
    first = []
    for pk, squad in Membership.objects.order_by("joined_at", "pk").values_list("pk", "squad_id"):
        if squad not in seen:
            seen.add(squad)
            first.append(pk)
    Membership.objects.filter(pk__in=first).update(role="lead")


class Migration(migrations.Migration):

    dependencies = [
        ('squads', '0004_stage_since'),
    ]

    operations = [
        migrations.RunPython(name_first_leads, migrations.RunPython.noop),
    ]
