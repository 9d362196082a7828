import django.db.models
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("charging", "0007_cards_and_channels")]

    operations = [
        migrations.RemoveConstraint(
            model_name="cashclosing", name="charging_difference_has_reason"
        ),
        migrations.AddConstraint(
            model_name="cashclosing",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("counted_fen__gte", 0),
                        ("counted_fen__gte", django.db.models.F("expected_fen")),
                        _connector="OR",
                    ),
                    models.Q(
                        ("counted_fen", django.db.models.F("expected_fen")),
                        models.Q(("reason", ""), _negated=True),
                        _connector="OR",
                    ),
                ),
                name="charging_difference_has_reason",
            ),
        ),
    ]
