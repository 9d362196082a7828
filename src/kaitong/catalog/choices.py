"""Words of the catalogue and what they mean."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class EntryState(models.TextChoices):
    """Life of a catalogue entry (TMF620/633 lifecycleStatus)."""

    # may be ordered, or built upon
    ACTIVE = "active", _("在用")
    # no new order may ask for it; orders and services that hold it keep it
    RETIRED = "retired", _("停用")


class OfferingKind(models.TextChoices):
    """What an offering is to the customer."""

    # a tariff by itself: 300M 家庭宽带
    PLAN = "plan", _("套餐")
    # price, contract term and what it is bound to: 营销案
    CASE = "case", _("营销案")
    # only beside a plan that lists it among its options
    OPTION = "option", _("附加业务")


class ResourceCategory(models.TextChoices):
    """How resources of a specification are counted and taken."""

    # stands in the tree of places and equipment: OLT, splitter
    EQUIPMENT = "equipment", _("设备")
    # one is assigned to one service at a time: splitter port
    PORT = "port", _("端口")
    # comes from a pool of values: account, logical identifier
    NUMBER = "number", _("号码")
    # a piece with a serial number that goes to a customer
    TERMINAL = "terminal", _("终端")
