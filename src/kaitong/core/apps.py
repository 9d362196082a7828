from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "kaitong.core"
    label = "core"
    verbose_name = "基础"
