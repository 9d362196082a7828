from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProcessConfig(AppConfig):
    name = "kaitong.process"
    label = "process"
    verbose_name = _("流程运行")
