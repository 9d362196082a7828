"""Rows of changes to a service in operation (变更办理): who proved what, and what was asked for."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kaitong.core.crypto import EncryptedTextField
from kaitong.core.models import Row
from kaitong.ordering.life_choices import AuthenticationKind

CHANGE_PURPOSE = "ordering.service-change"


class Authentication(Row):
    """One attempt of a customer at the counter to prove that a service is his (鉴权, VER-09..12).

    Failures count towards the lock-out. What was said is never kept, only whether it was right.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    service_id = models.UUIDField()
    kind = models.CharField(_("鉴权方式"), max_length=20, choices=AuthenticationKind)
    procedure = models.CharField(max_length=60, blank=True)  # what it serves, and nothing else
    request_key = models.CharField(max_length=160, blank=True)  # the order being made, if named
    clerk_id = models.UUIDField(null=True)
    ok = models.BooleanField()
    good_until = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("鉴权")
        indexes = [
            models.Index(fields=["service_id", "-created_at"], name="authentication_of_service"),
            models.Index(fields=["clerk_id", "-created_at"], name="authentication_by_clerk"),
        ]

    def __str__(self) -> str:
        return self.kind


class NumberCode(Row):
    """A one-time code sent to a mobile number about one line (短信验证码, VER-12).

    Kept is a keyed digest, the number only as a blind index and masked. One living code a line and
    number: another one ends it. It serves the clerk who had it sent, for what it was sent, once.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    service_id = models.UUIDField()
    number_index = models.BinaryField(max_length=32, editable=False)
    masked = models.CharField(_("手机号码"), max_length=20)
    digest = models.BinaryField(max_length=32, editable=False)
    procedure = models.CharField(max_length=60, blank=True)  # what it was sent for
    request_key = models.CharField(max_length=160, blank=True)  # the order being made, if named
    clerk_id = models.UUIDField(null=True)
    good_until = models.DateTimeField()
    wrong = models.PositiveSmallIntegerField(default=0)
    proven_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # used, replaced, or guessed at too often

    class Meta:
        verbose_name = verbose_name_plural = _("短信验证码")
        constraints = [
            models.UniqueConstraint(
                fields=["service_id", "number_index"],
                condition=Q(ended_at__isnull=True),
                name="one_living_code_of_a_number",
            )
        ]
        indexes = [
            models.Index(fields=["service_id", "-created_at"], name="code_of_service"),
            models.Index(fields=["number_index", "-created_at"], name="code_to_number"),
            models.Index(fields=["clerk_id", "-created_at"], name="code_by_clerk"),
        ]

    def __str__(self) -> str:
        return self.masked


class ServiceChange(Row):
    """What an order changes in a service that works, and by whose word.

    One open row a service: two changes of one service take turns. `sealed` holds the answers of
    the counter's form, people's data and passwords among them; `told` is what papers and pages may
    show of them. `before` is how the service stood.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    item = models.OneToOneField("ordering.OrderItem", models.CASCADE, related_name="change")
    service_id = models.UUIDField()
    procedure = models.CharField(max_length=60)  # key
    sealed = EncryptedTextField(purpose=CHANGE_PURPOSE, null=True)
    told = models.JSONField(default=list)  # [{target, title, before, after}]
    before = models.JSONField(default=dict)
    reason_code = models.CharField(max_length=130, blank=True)
    reason = models.CharField(max_length=130, blank=True)  # titles as they were called then
    authentication = models.OneToOneField(
        Authentication, models.PROTECT, null=True, related_name="change"
    )
    agreed = models.JSONField(default=dict)  # told and pinned: price, day; never people's data
    waits_until = models.DateTimeField(null=True)  # its day is to come: others may change the line
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("变更")
        constraints = [
            models.UniqueConstraint(
                fields=["service_id"],
                condition=Q(ended_at__isnull=True, waits_until__isnull=True),
                name="service_changed_once_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["service_id", "procedure"],
                condition=Q(ended_at__isnull=True),
                name="service_changed_once_by_procedure",
            ),
        ]
        indexes = [models.Index(fields=["service_id", "-id"], name="change_of_service")]

    def __str__(self) -> str:
        return self.procedure
