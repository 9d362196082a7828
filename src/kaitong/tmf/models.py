"""Who may call the interfaces."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.core.crypto import EncryptedTextField
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


class Listener(Row):
    """Who is told what happens to what one interface serves (its hub): acts as its member of staff,
    and so hears of that branch and below, as long as that account is in use."""

    staff = models.ForeignKey(Staff, models.CASCADE, related_name="+")
    api = models.CharField(_("接口"), max_length=10, default="TMF641", db_default="TMF641")
    callback = models.CharField(_("回调地址"), max_length=500)
    query = models.CharField(_("条件"), max_length=500, blank=True)
    secret = EncryptedTextField(purpose="tmf.listener.secret")
    after = models.BigIntegerField()  # happenings up to this number were looked at for good
    since = models.BigIntegerField()  # what happened before it was registered is not told
    # told no more: it took nothing for as long as an event is tried, until somebody resumes it
    suspended_at = models.DateTimeField(_("停用时间"), null=True, blank=True)
    suspended_for = models.CharField(_("停用原因"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("事件订阅")
        ordering = ["created_at"]

    def __str__(self) -> str:
        return self.callback


class Delivery(Row):
    """One event for one listener: sent after the commit of what it tells, until it is taken.

    Those of one thing go in their order: a later one waits for the one before.
    """

    listener = models.ForeignKey(Listener, models.CASCADE, related_name="deliveries")
    number = models.BigIntegerField()  # of what happened
    part = models.PositiveSmallIntegerField(default=0, db_default=0)  # of several events of it
    subject_id = models.UUIDField()  # of the order, the service, the ticket
    event = models.CharField(max_length=80)
    state = models.CharField(max_length=24)  # of it, then
    happened_at = models.DateTimeField()
    next_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=120, blank=True)

    class Meta:
        verbose_name = _("事件通知")
        constraints = [
            models.UniqueConstraint(
                fields=["listener", "number", "part"], name="tmf_delivery_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_at"],
                name="tmf_delivery_due",
                condition=models.Q(sent_at=None, given_up_at=None),
            ),
            models.Index(
                fields=["listener", "subject_id", "number"],
                name="tmf_delivery_in_order",
                condition=models.Q(sent_at=None, given_up_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.subject_id}"
