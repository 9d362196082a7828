"""What has still to be read into facts, and up to when it was looked for."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Touched(models.Model):
    """Something whose facts are to be read again: an order, or whatever else work was done for.

    `tries` counts how often it could not be read: it stands behind the others, in the end aside.
    """

    business_id = models.UUIDField(primary_key=True)
    tries = models.SmallIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "reporting_touched"
        verbose_name = verbose_name_plural = _("待汇总")

    def __str__(self) -> str:
        return str(self.business_id)


class Watermark(models.Model):
    """Up to when changes have been looked for. One row."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "reporting_watermark"
        verbose_name = verbose_name_plural = _("汇总进度")

    def __str__(self) -> str:
        return self.name
