"""Who may call the interfaces."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.core.models import Row
from kaitong.org.models import Staff
from kaitong.tmf.choices import Scope


class ApiToken(Row):
    """A bearer token (访问令牌). Only its digest is kept: it is shown once, when it is issued.

    Whoever carries it acts as its member of staff, within its scopes, until it expires or is
    revoked. `hint` is its beginning, by which people tell tokens apart.
    """

    staff = models.ForeignKey(Staff, models.CASCADE, related_name="api_tokens")
    title = models.CharField(_("用途"), max_length=80, blank=True)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    hint = models.CharField(max_length=12)
    scopes = ArrayField(models.CharField(max_length=40, choices=Scope), verbose_name=_("权限"))
    expires_at = models.DateTimeField(_("有效期至"))
    revoked_at = models.DateTimeField(_("作废时间"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("最近使用"), null=True, blank=True)
    issued_by = models.UUIDField(null=True, editable=False)

    class Meta:
        verbose_name = _("访问令牌")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.hint}…"

    def is_valid_at(self, moment: datetime) -> bool:
        """True while neither expired nor revoked."""
        return self.revoked_at is None and moment < self.expires_at
