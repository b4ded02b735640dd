from django.db import migrations

# What we show to a git server moves to where all such secrets are. The columns hold ciphertext: it moves unread.
FORTH = "UPDATE releases_source SET credential = secret, secret = '' WHERE kind = 'git'"
BACK = "UPDATE releases_source SET secret = credential, credential = '' WHERE kind = 'git'"


class Migration(migrations.Migration):
    dependencies = [("releases", "0005_systems_a_company_has")]
    operations = [migrations.RunSQL(FORTH, BACK)]
