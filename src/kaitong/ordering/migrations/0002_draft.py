import django.db.models.deletion
from django.db import migrations, models

import kaitong.core.clock
import kaitong.core.crypto
import kaitong.core.ids


class Migration(migrations.Migration):
    dependencies = [
        ("ordering", "0001_initial"),
        ("org", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Draft",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=kaitong.core.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=kaitong.core.clock.now, editable=False),
                ),
                ("clerk_id", models.UUIDField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "草稿"),
                            ("taken", "已受理"),
                            ("expired", "预占已到时"),
                            ("dropped", "已放弃"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("sealed", kaitong.core.crypto.EncryptedTextField(purpose="ordering.draft")),
                ("address_id", models.UUIDField(null=True)),
                ("held_until", models.DateTimeField(null=True)),
                ("port", models.CharField(blank=True, max_length=200)),
                ("updated_at", models.DateTimeField(default=kaitong.core.clock.now)),
                (
                    "branch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="org.branch",
                    ),
                ),
            ],
            options={
                "verbose_name": "受理草稿",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["open", "expired"])),
                        fields=["branch", "clerk_id", "-updated_at"],
                        name="draft_by_clerk",
                    ),
                    models.Index(
                        condition=models.Q(("state", "open")),
                        fields=["held_until"],
                        name="draft_by_countdown",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ["open", "expired"])),
                        fields=["updated_at"],
                        name="draft_by_age",
                    ),
                ],
            },
        ),
    ]
