"""The outbox: what is to be told to whom, written in the transaction of what it tells."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.core.clock import now
from kaitong.core.crypto import EncryptedTextField
from kaitong.core.models import Row
from kaitong.messaging.choices import OPEN, UNSENT, Channel, NoticeState, To, Trouble
from kaitong.org.models import Branch


class Notice(Row):
    """One notice by one channel (客户通知).

    ``key`` makes it exist once whatever runs twice, and gives the message its own identifier, so
    that who gets it twice can tell. Address and text are sealed; lists show the masked address.
    ``kind`` is the playbook's key, ``title`` its words at that time. Not audited by triggers: it
    is itself the record of what was sent.
    """

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+", db_index=False)
    order_id = models.UUIDField(null=True)
    item_id = models.UUIDField(null=True)  # the work item it is about
    key = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=60)
    title = models.CharField(_("通知"), max_length=60)
    title_en = models.CharField(max_length=60, blank=True)
    to = models.CharField(_("发给"), max_length=10, choices=To)
    party_id = models.UUIDField(null=True)
    staff_id = models.UUIDField(null=True)
    channel = models.CharField(_("方式"), max_length=10, choices=Channel)
    language = models.CharField(max_length=10, default="zh-hans")
    address = EncryptedTextField(purpose="messaging.address", null=True)
    address_masked = models.CharField(_("地址"), max_length=120, blank=True)
    text = EncryptedTextField(purpose="messaging.text")
    state = models.CharField(
        _("状态"), max_length=10, choices=NoticeState, default=NoticeState.QUEUED
    )
    trouble = models.CharField(_("原因"), max_length=16, choices=Trouble, blank=True)
    last_error = models.CharField(max_length=300, blank=True)  # the channel's own words, masked
    tries = models.PositiveSmallIntegerField(_("次数"), default=0)
    next_at = models.DateTimeField(default=now)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=120, blank=True)
    sent_at = models.DateTimeField(_("发送时间"), null=True)
    sent_by = models.CharField(max_length=10, blank=True)  # what served the channel: file, smtp
    # a secret of one person (短信验证码): read by nobody here, and not sent once it is worthless
    secret_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("客户通知")
        indexes = [
            models.Index(fields=["order_id", "id"], name="notice_by_order"),
            models.Index(fields=["branch", "-id"], name="notice_by_branch"),
            models.Index(
                fields=["next_at"], condition=models.Q(state__in=OPEN), name="notice_to_send"
            ),
            models.Index(
                fields=["branch", "-id"],
                condition=models.Q(state__in=UNSENT),
                name="notice_unsent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} {self.address_masked}"
