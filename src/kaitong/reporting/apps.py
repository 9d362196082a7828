from django.apps import AppConfig


class ReportingConfig(AppConfig):
    name = "kaitong.reporting"
    label = "reporting"
    verbose_name = "运营指标"
