"""Queue numbers of a hall's day, its counters, and forms filled in beforehand (HALL-21, F-38).

Nothing here says who a customer is, but for a form, which is sealed, and a masked telephone number.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kaitong.core.clock import now
from kaitong.core.crypto import EncryptedTextField
from kaitong.core.models import Row
from kaitong.hall.choices import Act, FormState, TicketState

FORM_PURPOSE = "hall.form"


class Rules(Row):
    """How a hall queues: `hall:` of a playbook, as it was deployed.

    Never vanishes: a new version retires the old one, numbers that were taken under it run on.
    """

    playbook = models.CharField(max_length=60)
    playbook_hash = models.CharField(max_length=64)
    content = models.JSONField(default=dict)  # the section, with the English of its words
    parameters = models.JSONField(default=dict)
    papers = models.JSONField(default=dict)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("排队规则")
        constraints = [
            models.UniqueConstraint(
                fields=["playbook", "playbook_hash"], name="hall_rules_version"
            ),
            models.UniqueConstraint(
                fields=["playbook"], condition=Q(retired_at=None), name="hall_rules_once"
            ),
        ]

    def __str__(self) -> str:
        return self.playbook


class Day(Row):
    """One hall on one day: the last number of each prefix, and when it was closed.

    Its lock is taken by whoever takes a number and by whoever closes the day.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    day = models.DateField(_("日期"))
    last = models.JSONField(default=dict)  # prefix -> the last number given
    closed_at = models.DateTimeField(_("收厅时间"), null=True)
    closed_by = models.UUIDField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("营业日")
        constraints = [models.UniqueConstraint(fields=["branch", "day"], name="hall_day_once")]

    def __str__(self) -> str:
        return f"{self.day}"


class Seat(Row):
    """A clerk at a counter (窗口), from sitting down until leaving."""

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    counter = models.PositiveSmallIntegerField(_("窗口"))
    clerk_id = models.UUIDField()
    kinds = models.JSONField(default=list)  # business kinds called here; empty: all
    left_at = models.DateTimeField(_("离开"), null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("坐席")
        constraints = [
            models.UniqueConstraint(
                fields=["branch", "counter"],
                condition=Q(left_at=None),
                name="hall_seat_one_clerk",
            ),
            models.UniqueConstraint(
                fields=["clerk_id"], condition=Q(left_at=None), name="hall_seat_one_counter"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.counter}"


class Ticket(Row):
    """A queue number (排队号). `turn_at` is its place in the line: at first when it was taken."""

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    day = models.DateField(_("日期"))
    rules = models.ForeignKey(Rules, models.PROTECT, related_name="+")
    kind = models.CharField(_("业务"), max_length=60)  # a key of the playbook's list
    number = models.CharField(_("排队号"), max_length=12)
    state = models.CharField(
        _("状态"), max_length=10, choices=TicketState, default=TicketState.WAITING
    )
    phone = models.CharField(_("电话"), max_length=20, blank=True)  # masked: 138****5678
    taken_at = models.DateTimeField(_("取号"), default=now)
    turn_at = models.DateTimeField(default=now)
    called_at = models.DateTimeField(_("叫号"), null=True)  # the last time
    calls = models.PositiveSmallIntegerField(_("叫号次数"), default=0)
    begun_at = models.DateTimeField(_("开始"), null=True)  # the first time
    ended_at = models.DateTimeField(_("结束"), null=True)  # served, missed, or closed
    seat = models.ForeignKey(Seat, models.PROTECT, null=True, related_name="tickets")
    to_seat = models.ForeignKey(Seat, models.PROTECT, null=True, related_name="+")  # handed to it
    key = models.CharField(max_length=80, unique=True)  # of the page it was asked for on

    class Meta:
        verbose_name = verbose_name_plural = _("排队号")
        constraints = [
            models.UniqueConstraint(
                fields=["branch", "day", "number"], name="hall_ticket_number_once"
            ),
            models.UniqueConstraint(
                fields=["seat"],
                condition=Q(state__in=["called", "serving"]),
                name="hall_ticket_one_at_a_seat",
            ),
        ]
        indexes = [
            models.Index(
                fields=["branch", "day", "turn_at"],
                condition=Q(state="waiting"),
                name="hall_ticket_line",
            ),
            models.Index(
                fields=["day"],
                condition=Q(state__in=["waiting", "called", "serving"]),
                name="hall_ticket_open",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Stint(Row):
    """One clerk serving one number (办理): two where it was handed on. `cut`: ended by the machine,
    so that its length says nothing."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="stints")
    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    kind = models.CharField(max_length=60)
    seat = models.ForeignKey(Seat, models.PROTECT, related_name="+")
    clerk_id = models.UUIDField()
    begun_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True)
    cut = models.BooleanField(default=False)

    class Meta:
        verbose_name = verbose_name_plural = _("办理记录")
        constraints = [
            models.UniqueConstraint(
                fields=["ticket"], condition=Q(ended_at=None), name="hall_stint_one_open"
            )
        ]
        indexes = [
            models.Index(
                fields=["branch", "kind", "-ended_at"],
                condition=Q(ended_at__isnull=False, cut=False),
                name="hall_stint_recent",
            )
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id}"


class Link(Row):
    """What was made for a number: a draft, which is the order's identifier, or a change's order."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="links")
    business_id = models.UUIDField()

    class Meta:
        verbose_name = verbose_name_plural = _("关联业务")
        constraints = [
            models.UniqueConstraint(fields=["ticket", "business_id"], name="hall_link_once")
        ]
        indexes = [models.Index(fields=["business_id"], name="hall_link_business")]

    def __str__(self) -> str:
        return str(self.business_id)


class Inquiry(Row):
    """A subject the customer of a number asked about (咨询内容), as the playbook calls it."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="inquiries")
    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    day = models.DateField(_("日期"))
    subject = models.CharField(max_length=60)  # a key of the playbook's list
    title = models.CharField(_("咨询内容"), max_length=60)  # as it was called then
    clerk_id = models.UUIDField()

    class Meta:
        verbose_name = verbose_name_plural = _("咨询记录")
        constraints = [
            models.UniqueConstraint(fields=["ticket", "subject"], name="hall_inquiry_once")
        ]
        indexes = [models.Index(fields=["branch", "day"], name="hall_inquiry_day")]

    def __str__(self) -> str:
        return self.title


class Form(Row):
    """An application form (业务申请表, F-38) filled in beforehand; sealed as drafts are.

    Its identifier becomes the draft's, and so the order's. `filled_by` is who was signed in at the
    tablet.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    ticket = models.OneToOneField(Ticket, models.CASCADE, related_name="form")
    state = models.CharField(max_length=10, choices=FormState, default=FormState.OPEN)
    sealed = EncryptedTextField(purpose=FORM_PURPOSE)
    filled_by = models.UUIDField(null=True)
    updated_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name = verbose_name_plural = _("业务申请表")
        indexes = [
            models.Index(fields=["updated_at"], condition=Q(state="open"), name="hall_form_by_age")
        ]

    def __str__(self) -> str:
        return str(self.id)


class Event(Row):
    """What was done to a number, append-only: by whom, at which counter."""

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="events")
    act = models.CharField(max_length=10, choices=Act)
    at = models.DateTimeField(default=now)
    actor_id = models.UUIDField(null=True)
    counter = models.PositiveSmallIntegerField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("排队记录")
        indexes = [models.Index(fields=["ticket", "id"], name="hall_event_ticket")]

    def __str__(self) -> str:
        return self.act
