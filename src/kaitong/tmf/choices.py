from django.db import models
from django.utils.translation import gettext_lazy as _


class Scope(models.TextChoices):
    """What a token may do."""

    ORDER_READ = "service-order:read", _("查询业务订单")
    ORDER_WRITE = "service-order:write", _("提交业务订单")
    ORDER_CHANGE = "service-order:change", _("办理业务变更（客户由调用方鉴权）")
    SERVICE_READ = "service:read", _("查询在用业务")
    TICKET_READ = "trouble-ticket:read", _("查询故障单")
    TICKET_WRITE = "trouble-ticket:write", _("提交故障单")
