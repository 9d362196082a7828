from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("process", "0006_processes_call_others")]

    operations = [
        migrations.AddIndex(
            model_name="workitem",
            index=models.Index(
                condition=models.Q(("state__in", ("todo", "claimed", "suspended"))),
                fields=["branch", "title", "due_at", "id"],
                include=("state", "post", "warn_at", "created_at"),
                name="process_workitem_step",
            ),
        ),
    ]
