"""The column that says more of an evidence row gets the name `detail`. No row is written."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("squads", "0008_tickets")]

    operations = [migrations.RenameField("evidence", "words", "detail")]
