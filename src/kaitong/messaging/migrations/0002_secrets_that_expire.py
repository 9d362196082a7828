from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="notice",
            name="secret_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="notice",
            name="trouble",
            field=models.CharField(
                blank=True,
                choices=[
                    ("no-address", "没有可用的号码或邮箱"),
                    ("unreachable", "通道没有应答"),
                    ("busy", "通道暂时不收"),
                    ("recipient", "收件人被拒绝"),
                    ("refused", "通道拒收"),
                    ("configuration", "通道没有配好"),
                    ("interrupted", "发送中断，结果不明"),
                    ("too-late", "已过有效期，不再发送"),
                ],
                max_length=16,
                verbose_name="原因",
            ),
        ),
    ]
