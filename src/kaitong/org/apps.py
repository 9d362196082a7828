from django.apps import AppConfig


class OrgConfig(AppConfig):
    name = "kaitong.org"
    label = "org"
    verbose_name = "组织"
