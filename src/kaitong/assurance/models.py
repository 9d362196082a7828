"""Tickets of faults and complaints, what they have in common, and what people said of them."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kaitong.assurance.choices import (
    CauseState,
    HandOverState,
    Level,
    Ownership,
    Severity,
    SurveyKind,
    TicketKind,
    TicketState,
)
from kaitong.core.audit import tracked
from kaitong.core.clock import now
from kaitong.core.crypto import EncryptedTextField
from kaitong.core.models import ExtRow, Row

CONTACT_PURPOSE = "assurance.contact"
BROKEN_Q = Q(state__in=["acknowledged", "inProgress", "pending", "held"])


class Handling(Row):
    """How faults of some services are handled: `faults:` of a playbook, as it was deployed.

    Never vanishes: a new version retires the old one, and tickets that pinned it run on.
    `content` is the section with the English of its words; `definitions` are deployed processes by
    `fault`, `cause`, `complaint`.
    """

    playbook = models.CharField(max_length=60)
    playbook_hash = models.CharField(max_length=64)
    services = models.JSONField(default=list)  # keys of specifications
    content = models.JSONField(default=dict)
    definitions = models.JSONField(default=dict)
    parameters = models.JSONField(default=dict)
    numbers = models.JSONField(default=dict)  # {fault, cause, complaint: {rule, pattern, restart}}
    papers = models.JSONField(default=dict)
    notices = models.JSONField(default=dict)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["playbook", "playbook_hash"], name="assurance_handling_version"
            ),
            models.UniqueConstraint(
                fields=["playbook"],
                condition=Q(retired_at__isnull=True),
                name="assurance_handling_once",
            ),
        ]

    def __str__(self) -> str:
        return self.playbook


@tracked()
class CommonCause(Row):
    """Several faults under one splitter, PON port or OLT (群障): one repair for all of them.

    One living cause a piece of the network, whatever runs twice at once.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    number = models.CharField(_("群障号"), max_length=40, null=True, unique=True)
    state = models.CharField(max_length=12, choices=CauseState, default=CauseState.PROPOSED)
    level = models.CharField(max_length=10, choices=Level)
    resource_id = models.UUIDField()
    resource_text = models.CharField(_("位置"), max_length=200)
    handling = models.ForeignKey(Handling, models.PROTECT, related_name="+")
    instance_id = models.UUIDField(null=True)
    by_alarm = models.BooleanField(default=False)  # proposed by an alarm, not by the count
    finding = models.CharField(_("原因"), max_length=200, blank=True)
    affected = models.PositiveIntegerField(_("影响用户"), default=0)  # when it was confirmed
    expected_at = models.DateTimeField(_("预计修复"), null=True)
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.UUIDField(null=True)
    resolved_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    due_basis = models.JSONField(default=dict)

    class Meta:
        verbose_name = verbose_name_plural = _("群障")
        constraints = [
            models.UniqueConstraint(
                fields=["resource_id"],
                condition=Q(state__in=["proposed", "confirmed"]),
                name="assurance_cause_once",
            )
        ]
        indexes = [models.Index(fields=["branch", "state", "-id"], name="assurance_cause_branch")]

    def __str__(self) -> str:
        return self.number or self.resource_text


@tracked(exclude=["ext", "contact"], masked=["account"])
class Fault(ExtRow):
    """A ticket: a fault (故障单, BB-12) or a complaint (投诉, HALL-10); TMF621's trouble ticket.

    `box_id`, `pon_id`, `olt_id` are where its line hung when it was reported: what several faults
    may have in common. `contact` is who to call where that is not the customer's own number.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=TicketKind, default=TicketKind.FAULT)
    number = models.CharField(_("故障号"), max_length=40, null=True, unique=True)
    state = models.CharField(max_length=14, choices=TicketState, default=TicketState.ACKNOWLEDGED)
    state_since = models.DateTimeField(default=now)
    reason = models.CharField(max_length=300, blank=True)  # why rejected, cancelled, held
    severity = models.CharField(max_length=10, choices=Severity, default=Severity.MAJOR)
    handling = models.ForeignKey(Handling, models.PROTECT, related_name="+")
    service_id = models.UUIDField(null=True)
    specification = models.CharField(max_length=80, blank=True)
    account = models.CharField(_("账号"), max_length=80, blank=True)
    party_id = models.UUIDField(null=True)
    address_id = models.UUIDField(null=True)
    contact = EncryptedTextField(purpose=CONTACT_PURPOSE, null=True)
    symptom = models.CharField(_("现象"), max_length=60)  # a key of the playbook's list
    symptom_title = models.CharField(max_length=60)
    description = models.CharField(_("说明"), max_length=500, blank=True)
    channel = models.CharField(max_length=30, default="api")
    hotline = models.CharField(_("来电热线"), max_length=12, blank=True)
    routed_to = models.CharField(_("转接到"), max_length=12, blank=True)
    requester_id = models.UUIDField(null=True)  # staff who took it in
    external_id = models.CharField(max_length=120, blank=True)
    idempotency_key = models.CharField(max_length=160, null=True)
    common_cause = models.ForeignKey(
        CommonCause, models.PROTECT, null=True, blank=True, related_name="faults"
    )
    repeats = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    port_text = models.CharField(max_length=200, blank=True)
    box_id = models.UUIDField(null=True)
    pon_id = models.UUIDField(null=True)
    olt_id = models.UUIDField(null=True)
    instance_id = models.UUIDField(null=True)
    answers = models.JSONField(default=dict)  # of the guided questions, each time they were asked
    place = models.CharField(max_length=12, blank=True)  # phone, inside, outside, system ...
    cause_code = models.CharField(max_length=130, blank=True)  # GROUP.REASON
    cause_title = models.CharField(_("故障原因"), max_length=130, blank=True)
    reported_at = models.DateTimeField(_("受理时间"), default=now)
    resolved_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    due_basis = models.JSONField(default=dict)
    urged = models.PositiveSmallIntegerField(_("催单"), default=0)
    reopened = models.PositiveSmallIntegerField(_("重开"), default=0)

    class Meta:
        verbose_name = verbose_name_plural = _("故障单")
        constraints = [
            models.UniqueConstraint(
                fields=["requester_id", "idempotency_key"], name="assurance_fault_request"
            ),
            # one line has one fault at a time, whoever reports it once more
            models.UniqueConstraint(
                fields=["service_id"],
                condition=BROKEN_Q & Q(kind="fault"),
                name="assurance_fault_open_once",
            ),
        ]
        indexes = [
            models.Index(fields=["branch", "-id"], name="assurance_fault_branch"),
            models.Index(fields=["branch", "state", "due_at"], name="assurance_fault_state"),
            models.Index(fields=["service_id", "-id"], name="assurance_fault_service"),
            models.Index(fields=["party_id", "-id"], name="assurance_fault_party"),
            models.Index(fields=["common_cause"], name="assurance_fault_cause"),
            models.Index(fields=["box_id"], condition=BROKEN_Q, name="assurance_fault_box"),
            models.Index(fields=["pon_id"], condition=BROKEN_Q, name="assurance_fault_pon"),
            models.Index(fields=["olt_id"], condition=BROKEN_Q, name="assurance_fault_olt"),
            models.Index(fields=["branch", "resolved_at"], name="assurance_fault_resolved"),
        ]

    def __str__(self) -> str:
        return self.number or str(self.pk)

    @property
    def places(self) -> dict[str, UUID]:
        """Where its line hangs, the widest first."""
        found = {Level.OLT: self.olt_id, Level.PON: self.pon_id, Level.SPLITTER: self.box_id}
        return {level.value: one for level, one in found.items() if one is not None}


class Note(Row):
    """A line of a ticket's or a common cause's timeline. Facts to word it with, no people's data.

    `ticket_id` is either's identifier: both are read alike.
    """

    ticket_id = models.UUIDField()
    kind = models.CharField(max_length=40)
    actor_id = models.UUIDField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["ticket_id", "id"], name="assurance_note_ticket")]

    def __str__(self) -> str:
        return self.kind


class Routing(Row):
    """A call to a hotline whose ownership was checked: own customers go on to the one that accepts,
    others are told where to call (BB-12 steps 1 and 2, FMT-13)."""

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    hotline = models.CharField(_("来电热线"), max_length=12)
    routed_to = models.CharField(_("转接到"), max_length=12, blank=True)
    ownership = models.CharField(max_length=10, choices=Ownership)
    actor_id = models.UUIDField(null=True)
    fault = models.ForeignKey(Fault, models.CASCADE, null=True, related_name="routings")

    class Meta:
        verbose_name = verbose_name_plural = _("热线转接")
        indexes = [models.Index(fields=["branch", "-id"], name="assurance_routing_branch")]

    def __str__(self) -> str:
        return f"{self.hotline} {self.ownership}"


class Survey(Row):
    """What a customer said (回访, 满意度): whether it is mended, how content, and why not.

    `reason_code` is GROUP.REASON of the playbook; its titles stand as they were called then.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=SurveyKind)
    ticket = models.ForeignKey(Fault, models.CASCADE, null=True, related_name="surveys")
    order_id = models.UUIDField(null=True)
    reached = models.BooleanField(_("联系到"))
    fixed = models.BooleanField(_("已恢复"), null=True)
    score = models.PositiveSmallIntegerField(_("满意度"), null=True)  # 5 very content .. 1 not
    reason_code = models.CharField(max_length=130, blank=True)
    reason_title = models.CharField(_("不满意原因"), max_length=130, blank=True)
    remark = models.CharField(max_length=300, blank=True)
    asked_by = models.UUIDField(null=True)
    asked_at = models.DateTimeField(default=now)
    key = models.CharField(max_length=120, unique=True)  # of the work item or page: once

    class Meta:
        verbose_name = verbose_name_plural = _("满意度")
        indexes = [models.Index(fields=["branch", "asked_at"], name="assurance_survey_branch")]

    def __str__(self) -> str:
        return f"{self.kind} {self.score}"


class Alarm(Row):
    """Something a network element said of itself (告警), once by its sender's id.

    Out of order is normal: what was cleared before it was raised stays cleared.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, null=True, related_name="+")
    source = models.CharField(max_length=40)  # snmp, nms ...
    source_id = models.CharField(max_length=160)
    element = models.CharField(_("网元"), max_length=80)
    component = models.CharField(_("部件"), max_length=80, blank=True)
    kind = models.CharField(_("告警"), max_length=60)
    severity = models.CharField(max_length=10)
    text = models.CharField(max_length=300, blank=True)
    raised_at = models.DateTimeField(null=True)
    cleared_at = models.DateTimeField(null=True)
    level = models.CharField(max_length=10, choices=Level, blank=True)
    resource_id = models.UUIDField(null=True)
    common_cause = models.ForeignKey(CommonCause, models.SET_NULL, null=True, related_name="alarms")

    class Meta:
        verbose_name = verbose_name_plural = _("告警")
        constraints = [
            models.UniqueConstraint(fields=["source", "source_id"], name="assurance_alarm_once")
        ]
        indexes = [
            models.Index(fields=["branch", "-id"], name="assurance_alarm_branch"),
            models.Index(
                fields=["resource_id"],
                condition=Q(cleared_at__isnull=True),
                name="assurance_alarm_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.element} {self.component} {self.kind}"


class HandOver(Row):
    """Shift hand-over of the fault desk (交接班): what is open, what to mind, who to whom.

    `content` is the list as it stood when it was signed; it is not a view of today.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    number = models.CharField(max_length=40, unique=True)
    state = models.CharField(max_length=10, choices=HandOverState, default=HandOverState.GIVEN)
    given_by = models.UUIDField()
    to_id = models.UUIDField()
    given_at = models.DateTimeField(default=now)
    taken_at = models.DateTimeField(null=True)
    notes = models.CharField(_("交接事项"), max_length=1000, blank=True)
    answer = models.CharField(_("接班说明"), max_length=300, blank=True)
    content = models.JSONField(default=list)
    key = models.CharField(max_length=120, unique=True)

    class Meta:
        verbose_name = verbose_name_plural = _("交接班")
        constraints = [
            models.UniqueConstraint(
                fields=["branch"],
                condition=Q(state="given"),
                name="assurance_handover_one_open",
            )
        ]
        indexes = [models.Index(fields=["branch", "-id"], name="assurance_handover_branch")]

    def __str__(self) -> str:
        return self.number
