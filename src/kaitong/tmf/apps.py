from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TmfConfig(AppConfig):
    """TM Forum Open APIs."""

    name = "kaitong.tmf"
    label = "tmf"
    verbose_name = _("开放接口")
