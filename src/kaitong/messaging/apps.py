from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    name = "kaitong.messaging"
    label = "messaging"
    verbose_name = _("客户通知")
