from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChargingConfig(AppConfig):
    name = "kaitong.charging"
    label = "charging"
    verbose_name = _("收费")
