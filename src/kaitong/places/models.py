"""Regions and standard addresses (标准地址)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.core.models import ExtRow, Row
from kaitong.places.choices import CoverageStatus, Level

LEVEL_FIELDS = (
    "province",
    "city",
    "county",
    "township",
    "road",
    "estate",
    "building",
    "unit",
    "room",
)


def names_a_place(estate: str) -> bool:
    """Whether level six says by itself where one is: 横江花园 does, the house number 12号 not."""
    return bool(estate) and not estate[0].isdigit()


def area_text(township: str, road: str, estate: str) -> str:
    """What stands before the short text, which already holds the road of a bare house number."""
    return f"{township} {road}".strip() if names_a_place(estate) else township


class Region(Row):
    """A division of the country by the state's list: province, city, county, township, village.

    `path` joins the codes from the top ("34.3410.341022.341022100"), so that everything below a
    region is found by its beginning.
    """

    code = models.CharField(_("区划代码"), max_length=12, unique=True)
    name = models.CharField(_("名称"), max_length=60)
    level = models.PositiveSmallIntegerField(_("级别"), choices=Level.choices)
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    path = models.CharField(max_length=80, unique=True)
    full_name = models.CharField(max_length=200)
    sort_key = models.CharField(max_length=200)
    initials = models.CharField(max_length=60)

    class Meta:
        db_table = "places_region"
        verbose_name = _("行政区划")
        verbose_name_plural = _("行政区划")
        ordering = ["path"]
        indexes = [
            models.Index(fields=["path"], name="region_path", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["parent", "sort_key"], name="region_children"),
        ]

    def __str__(self) -> str:
        return self.full_name


class Address(ExtRow):
    """A standard address of nine levels, down to the room; each exists once in a branch.

    `short_text` begins at the estate (or the road where there is none) and is what lists show.
    `grams`, `numbers`, `initials` and `sort_key` are derived from the levels by `places.text`.
    """

    branch = models.ForeignKey("org.Branch", on_delete=models.PROTECT, related_name="+")
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="+")
    # the operator's own code of the address, where it has one
    code = models.CharField(_("地址编码"), max_length=60, blank=True)
    province = models.CharField(_("省"), max_length=40)
    city = models.CharField(_("市"), max_length=40)
    county = models.CharField(_("区县"), max_length=40)
    township = models.CharField(_("乡镇街道"), max_length=40)
    road = models.CharField(_("道路或村"), max_length=60, blank=True)
    estate = models.CharField(_("小区或门牌号"), max_length=60, blank=True)
    building = models.CharField(_("楼栋"), max_length=40, blank=True)
    unit = models.CharField(_("单元"), max_length=40, blank=True)
    room = models.CharField(_("房号"), max_length=40, blank=True)
    full_text = models.CharField(_("地址"), max_length=400)
    short_text = models.CharField(max_length=240)
    initials = models.CharField(max_length=240)
    numbers = models.CharField(max_length=120, blank=True)
    sort_key = models.CharField(max_length=400)
    grams = ArrayField(models.TextField(), editable=False)
    coverage = models.CharField(
        _("覆盖"), max_length=10, choices=CoverageStatus.choices, default=CoverageStatus.NONE
    )
    planned_date = models.DateField(_("计划日期"), null=True, blank=True)
    coverage_reason = models.CharField(_("说明"), max_length=200, blank=True)

    class Meta:
        db_table = "places_address"
        verbose_name = _("标准地址")
        verbose_name_plural = _("标准地址")
        constraints = [
            models.UniqueConstraint(fields=["branch", "full_text"], name="address_once"),
            models.UniqueConstraint(
                fields=["branch", "code"], condition=~models.Q(code=""), name="address_code_once"
            ),
        ]
        indexes = [
            GinIndex(fields=["grams"], name="address_grams"),
            models.Index(fields=["branch", "coverage"], name="address_coverage"),
        ]

    def __str__(self) -> str:
        return self.full_text

    @property
    def levels(self) -> tuple[str, ...]:
        """The nine levels from province to room; a level the address lacks is empty."""
        return tuple(getattr(self, field) for field in LEVEL_FIELDS)

    @property
    def area_text(self) -> str:
        """What stands before `short_text` on a result row: township and road."""
        return area_text(self.township, self.road, self.estate)


class GridArea(Row):
    """What belongs to a grid (网格): a township, or a road, estate or building in it. The narrowest
    area that holds an address says its grid."""

    branch = models.ForeignKey("org.Branch", on_delete=models.PROTECT, related_name="+")
    grid = models.CharField(_("网格"), max_length=40)
    township = models.CharField(_("乡镇街道"), max_length=40)
    road = models.CharField(_("道路或村"), max_length=60, blank=True)
    estate = models.CharField(_("小区或门牌号"), max_length=60, blank=True)
    building = models.CharField(_("楼栋"), max_length=40, blank=True)

    class Meta:
        db_table = "places_grid_area"
        verbose_name = verbose_name_plural = _("网格范围")
        constraints = [
            models.UniqueConstraint(
                fields=["branch", "township", "road", "estate", "building"],
                name="grid_area_once",
            )
        ]

    def __str__(self) -> str:
        return self.grid
