"""Tables of the till: a clerk's closed day."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kaitong.charging.choices import ClosingState
from kaitong.core.models import Row
from kaitong.org.models import Branch


class CashClosing(Row):
    """A clerk's day, added up and closed (日结). From then on the database refuses money of that
    clerk on that day; taken back (`state` open again) it may be closed anew.

    `sums` are fen by method: taken, given back. `counted_fen` is the cash that was counted.
    """

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    clerk_id = models.UUIDField()
    day = models.DateField(_("营业日"))
    state = models.CharField(max_length=10, choices=ClosingState, default=ClosingState.CLOSED)
    sums = models.JSONField(default=dict)
    expected_fen = models.BigIntegerField(_("应有现金（分）"))
    counted_fen = models.BigIntegerField(_("实点现金（分）"))
    reason = models.CharField(_("差异原因"), max_length=200, blank=True)
    closed_at = models.DateTimeField()
    confirmed_by = models.UUIDField(null=True)
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("日结")
        constraints = [
            models.UniqueConstraint(fields=["clerk_id", "day"], name="charging_closing_once"),
            models.CheckConstraint(
                condition=Q(counted_fen__gte=0)
                & (Q(counted_fen=models.F("expected_fen")) | ~Q(reason="")),
                name="charging_difference_has_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state="confirmed")
                | (Q(confirmed_by__isnull=False) & ~Q(confirmed_by=models.F("clerk_id"))),
                name="charging_closing_second_person",
            ),
        ]
        indexes = [models.Index(fields=["branch", "day"], name="charging_closing_by_day")]

    @property
    def difference_fen(self) -> int:
        return self.counted_fen - self.expected_fen

    def __str__(self) -> str:
        return f"{self.day}"
