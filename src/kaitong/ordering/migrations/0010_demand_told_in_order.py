import django.db.models.deletion
from django.db import migrations, models

LIVING = models.Q(state__in=["waiting", "told"])


def of_before(apps, schema_editor):
    """Who asked for the same twice waits once, from the first time; areas from the addresses."""
    Demand = apps.get_model("ordering", "Demand")
    Address = apps.get_model("places", "Address")
    seen = set()
    for row in Demand.objects.order_by("created_at", "pk").iterator():
        spot = Address.objects.defer("grams").filter(pk=row.address_id).first()
        if spot is not None:
            named = spot.estate and not spot.estate[0].isdigit()
            place = spot.estate if named else spot.road
            row.area = f"{spot.township} {place}".strip()[:120]
        row.state = "told" if row.told_at else "waiting"
        key = (row.party_id, row.address_id, row.specification)
        if None not in key[:2] and key in seen:
            row.state, row.ended_at = "withdrawn", row.created_at
            row.ended_reason = "重复登记"
        seen.add(key)
        Demand.objects.filter(pk=row.pk).update(
            area=row.area, state=row.state, ended_at=row.ended_at, ended_reason=row.ended_reason
        )


class Migration(migrations.Migration):
    dependencies = [("ordering", "0009_service_changes"), ("places", "0002_grids")]

    operations = [
        migrations.AddField("demand", "area", models.CharField("区域", blank=True, max_length=120)),
        migrations.AddField(
            "demand",
            "state",
            models.CharField(
                "状态",
                choices=[
                    ("waiting", "等待覆盖"),
                    ("told", "已通知可办"),
                    ("served", "已成订单"),
                    ("withdrawn", "已撤销"),
                ],
                default="waiting",
                max_length=10,
            ),
        ),
        migrations.AddField("demand", "round", models.PositiveSmallIntegerField(default=1)),
        migrations.AddField("demand", "told_until", models.DateTimeField(null=True)),
        migrations.AddField("demand", "draft_id", models.UUIDField(null=True)),
        migrations.AddField("demand", "ended_at", models.DateTimeField(null=True)),
        migrations.AddField("demand", "ended_reason", models.CharField(blank=True, max_length=200)),
        migrations.AddField(
            "demand",
            "served_order",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="ordering.order",
            ),
        ),
        migrations.AlterField("demand", "told_at", models.DateTimeField("通知时间", null=True)),
        migrations.AlterField(
            "demand",
            "reason",
            models.CharField(
                "原因",
                choices=[
                    ("not-covered", "未覆盖"),
                    ("no-free-port", "无空闲端口"),
                    ("planned", "规划中"),
                    ("no-entry", "物业不允许进入"),
                ],
                max_length=20,
            ),
        ),
        migrations.RunPython(of_before, migrations.RunPython.noop),
        migrations.AddIndex(
            "demand",
            models.Index(fields=["branch", "state", "created_at", "id"], name="demand_by_state"),
        ),
        migrations.AddIndex("demand", models.Index(fields=["draft_id"], name="demand_by_draft")),
        migrations.AddConstraint(
            "demand",
            models.UniqueConstraint(
                fields=["party", "address_id", "specification"],
                condition=LIVING,
                name="demand_living_once",
            ),
        ),
    ]
