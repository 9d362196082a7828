from django.apps import AppConfig


class AssuranceConfig(AppConfig):
    name = "kaitong.assurance"
    label = "assurance"
    verbose_name = "故障与投诉"
