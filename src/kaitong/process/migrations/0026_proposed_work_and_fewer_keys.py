import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("org", "0004_duty_and_saved_views"),
        ("process", "0025_suspended_work_by_branch"),
    ]

    operations = [
        migrations.AlterField(
            model_name="command",
            name="branch",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="org.branch",
            ),
        ),
        migrations.AlterField(
            model_name="command",
            name="instance",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="commands",
                to="process.instance",
            ),
        ),
        migrations.AlterField(
            model_name="incident",
            name="branch",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="org.branch",
            ),
        ),
        migrations.AlterField(
            model_name="incident",
            name="instance",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="incidents",
                to="process.instance",
            ),
        ),
        migrations.AlterField(
            model_name="phase",
            name="branch",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="org.branch",
            ),
        ),
        migrations.AlterField(
            model_name="phase",
            name="instance",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="phases",
                to="process.instance",
            ),
        ),
        migrations.RemoveIndex(
            model_name="workitem",
            name="process_workitem_candidate",
        ),
        migrations.AddIndex(
            model_name="workitem",
            index=models.Index(
                condition=models.Q(
                    ("candidate__isnull", False),
                    ("claimed_by", None),
                    ("state__in", ("todo", "claimed", "suspended")),
                ),
                fields=["candidate"],
                name="process_workitem_proposed",
            ),
        ),
    ]
