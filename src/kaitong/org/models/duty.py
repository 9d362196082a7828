"""Who is there, and who stands in: absence, delegation, the shift roster, grids."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from kaitong.core.audit import tracked
from kaitong.core.models import Row
from kaitong.org.models.people import Branch, Staff


@tracked()
class Absence(Row):
    """Somebody is not there (请假, 外出): no work is proposed to them meanwhile, but to the deputy
    (代理人), where one is named."""

    staff = models.ForeignKey(Staff, models.CASCADE, related_name="absences")
    since = models.DateTimeField(_("开始"))
    until = models.DateTimeField(_("结束"))
    reason = models.CharField(_("原因"), max_length=120, blank=True)
    deputy = models.ForeignKey(Staff, models.SET_NULL, null=True, blank=True, related_name="+")
    entered_by = models.UUIDField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("缺勤")
        constraints = [
            models.CheckConstraint(condition=Q(until__gt=F("since")), name="absence_has_a_length")
        ]
        indexes = [models.Index(fields=["staff", "until"], name="absence_by_staff")]

    def __str__(self) -> str:
        return f"{self.staff} {self.since:%m-%d}"


@tracked()
class Delegation(Row):
    """委托: somebody's work of some or all posts, done by a colleague on their behalf for a time.

    `posts` are keys; empty means every post the principal holds at that moment. Only own posts
    are handed on, never those that were delegated to the principal.
    """

    principal = models.ForeignKey(Staff, models.CASCADE, related_name="delegations")
    delegate = models.ForeignKey(Staff, models.CASCADE, related_name="mandates")
    posts = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    since = models.DateTimeField(_("开始"))
    until = models.DateTimeField(_("结束"))
    reason = models.CharField(_("原因"), max_length=120)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.UUIDField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("委托")
        constraints = [
            models.CheckConstraint(
                condition=Q(until__gt=F("since")), name="delegation_has_a_length"
            ),
            models.CheckConstraint(
                condition=~Q(principal=F("delegate")), name="delegation_to_another"
            ),
        ]
        indexes = [
            models.Index(
                fields=["delegate", "until"],
                condition=Q(ended_at=None),
                name="delegation_by_delegate",
            )
        ]

    def __str__(self) -> str:
        return f"{self.principal} → {self.delegate}"


@tracked()
class Shift(Row):
    """排班: somebody is on duty for a post from then to then."""

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+", db_index=False)
    staff = models.ForeignKey(Staff, models.CASCADE, related_name="shifts")
    post = models.CharField(_("岗位"), max_length=40)
    since = models.DateTimeField(_("开始"))
    until = models.DateTimeField(_("结束"))

    class Meta:
        verbose_name = verbose_name_plural = _("班次")
        constraints = [
            models.UniqueConstraint(fields=["staff", "post", "since"], name="shift_once"),
            models.CheckConstraint(condition=Q(until__gt=F("since")), name="shift_has_a_length"),
        ]
        indexes = [models.Index(fields=["branch", "post", "until"], name="shift_by_post")]

    def __str__(self) -> str:
        return f"{self.staff} {self.since:%m-%d %H:%M}"


@tracked()
class GridHolder(Row):
    """Who answers for a grid (网格) in a post: one person, or several as a team."""

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+", db_index=False)
    grid = models.CharField(_("网格"), max_length=40)
    post = models.CharField(_("岗位"), max_length=40)
    staff = models.ForeignKey(Staff, models.CASCADE, related_name="grids")

    class Meta:
        verbose_name = verbose_name_plural = _("网格责任人")
        constraints = [
            models.UniqueConstraint(
                fields=["branch", "grid", "post", "staff"], name="grid_holder_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.grid} {self.staff}"
