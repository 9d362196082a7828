from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TransferConfig(AppConfig):
    name = "kaitong.transfer"
    label = "transfer"
    verbose_name = _("导入导出")

    def ready(self) -> None:
        from kaitong.transfer import carrying, jobs

        jobs.carried_out_by("carry", carrying.carry_out)
