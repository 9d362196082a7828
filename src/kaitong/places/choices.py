"""Words of the places package and what they mean."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Level(models.IntegerChoices):
    """The nine levels of a standard address (标准地址), from the widest to the room."""

    PROVINCE = 1, _("省")
    CITY = 2, _("市")
    COUNTY = 3, _("区县")
    # 乡镇, 街道: the lowest level of the state's own list that every address has
    TOWNSHIP = 4, _("乡镇街道")
    # 路名 with its number's street, or a village (行政村) or community (社区)
    ROAD = 5, _("道路或村")
    # 小区, or the house number where there is no estate
    ESTATE = 6, _("小区或门牌号")
    BUILDING = 7, _("楼栋")
    UNIT = 8, _("单元")
    ROOM = 9, _("房号")


class CoverageStatus(models.TextChoices):
    """Whether an address can be reached by the access network at all.

    Whether a port is free there is inventory's question; see `inventory.queries.coverage_verdict`.
    """

    # the access network reaches it: boxes are assigned to it in inventory
    COVERED = "covered", _("已覆盖")
    # a construction plan will reach it, at `planned_date`
    PLANNED = "planned", _("规划中")
    # the property's management lets nobody in; nothing can be built or installed for now
    NO_ENTRY = "no-entry", _("物业不允许进入")
    # nobody has planned anything
    NONE = "none", _("未覆盖")
