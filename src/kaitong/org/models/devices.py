"""Things that sign in (设备): a tablet at the entrance, a board on the wall."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.core.models import Row
from kaitong.org.models.people import Staff


class Device(Row):
    """An account nobody's password opens: a browser becomes it by a code that is typed there once.

    Of the code only a digest is kept. `until` is when its sign-in ends by itself; who revokes it
    ends it at once, since its account is then no longer in use.
    """

    staff = models.OneToOneField(Staff, models.PROTECT, related_name="device")
    days = models.PositiveSmallIntegerField(_("登录天数"))
    code = models.BinaryField(max_length=32, null=True, unique=True, editable=False)
    code_until = models.DateTimeField(null=True)
    paired_at = models.DateTimeField(_("配对时间"), null=True)
    until = models.DateTimeField(_("有效期至"), null=True)
    revoked_at = models.DateTimeField(_("停用时间"), null=True)
    made_by = models.UUIDField(null=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = _("设备")
        ordering = ["created_at"]

    def __str__(self) -> str:
        return str(self.staff)
