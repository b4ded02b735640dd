"""Whether somebody said the tier of an environment, or only its name suggests it.

What people created, or gave a tier, is confirmed, and so is a tier that a rule gives. Every other tier was guessed by looser
rules: it is guessed anew (non-prod was taken for production), and evidence is derived again where that changes anything.
It is a small table; the portal may serve meanwhile.
"""

from django.db import migrations, models

from releases.environments.tiers import PRODUCTION, guess_tier
from releases.mappings import engine


def guess_again(apps, schema_editor):
    """Find the tiers nobody said, guess them again, and tell where that changes what evidence is."""
    using = schema_editor.connection.alias
    environments = apps.get_model("releases", "Environment").objects.using(using)
    moves = apps.get_model("portal", "StateChange").objects.using(using)
    messages = apps.get_model("portal", "Message").objects.using(using)
    said = set(moves.filter(kind="environment", by__isnull=False).values_list("key", flat=True))
    ruled = _named_by_rules(apps, using)
    for row in environments.filter(discovered=True).order_by("pk"):
        if row.key in said or row.key in ruled:
            continue
        before, row.tier, row.tier_confirmed = row.tier, guess_tier(row.key), False
        row.save(update_fields=["tier", "tier_confirmed"])
        if before != row.tier or row.tier == PRODUCTION:
            payload = {"id": row.pk, "services": [], "stories": []}
            messages.create(topic="environment.changed", payload=payload)


def _named_by_rules(apps, using):
    """Return the environments whose tier a mapping rule gives."""
    rules = apps.get_model("releases", "MappingRule").objects.using(using).exclude(tier="")
    names = apps.get_model("releases", "SeenName").objects.using(using)
    found = set()
    for rule in rules.filter(kind__in=("environment", "pipeline")):
        try:
            match = engine.compile_pattern(rule.pattern)[0]
        except engine.BadPattern:
            continue
        template = rule.environment or ("{0}" if rule.kind == "environment" else "")
        for name in names.filter(kind=rule.kind).values_list("name", flat=True).distinct():
            if (groups := match(name)) is not None:
                found.add(engine.fill_template(template, groups))
    return found


class Migration(migrations.Migration):
    dependencies = [("releases", "0012_moves_of_tags"), ("portal", "0006_message_delays_and_dead_messages")]

    operations = [
        migrations.AddField(
            "environment",
            "tier_confirmed",
            models.BooleanField(
                default=True,
                editable=False,
                help_text="set by a person or a mapping rule; otherwise guessed from the name",
            ),
        ),
        migrations.RunPython(guess_again, migrations.RunPython.noop),
    ]
