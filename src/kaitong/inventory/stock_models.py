"""Stock-takings of terminals (终端盘点)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.core.models import Row


class StockCount(Row):
    """What was found on the shelf at one count, held against what should have lain there.

    A count changes no piece: who counts writes down what he saw, and settles differences by the
    ordinary acts. `key` comes from the page: the same list sent twice is one count.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    key = models.CharField(max_length=60, unique=True)
    counted_by = models.UUIDField(_("盘点人"))
    counted_at = models.DateTimeField(_("盘点时间"))
    model = models.CharField(_("型号"), max_length=60, blank=True)
    note = models.CharField(_("说明"), max_length=200, blank=True)
    expected = models.IntegerField(_("应有"))
    found = models.IntegerField(_("实有"))
    missing = models.JSONField(_("缺少"), default=list)
    surplus = models.JSONField(_("多出"), default=list)
    unknown = models.JSONField(_("未登记"), default=list)

    class Meta:
        db_table = "inventory_stockcount"
        verbose_name = verbose_name_plural = _("终端盘点")
        indexes = [models.Index(fields=["branch", "-counted_at"], name="stock_counts")]

    def __str__(self) -> str:
        return str(self.counted_at)
