"""What was asked for: orders and their items. What is, stands in inventory as services."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from kaitong.core.audit import tracked
from kaitong.core.clock import now
from kaitong.core.crypto import EncryptedTextField
from kaitong.core.models import ExtRow, Row
from kaitong.ordering.choices import (
    DemandReason,
    DemandState,
    DraftState,
    ItemAction,
    OrderState,
)

NUMBER_PURPOSE = "ordering.bound-number"


class Procedure(Row):
    """A deployed procedure of a playbook: what runs when an item asks for an action.

    A procedure never vanishes: deploying a new version retires the old one, and orders that
    pinned it run on.
    """

    playbook = models.CharField(max_length=60)
    playbook_hash = models.CharField(max_length=64)
    key = models.CharField(max_length=60)  # open, cease ...
    title = models.CharField(max_length=60)
    title_en = models.CharField(max_length=60, blank=True)
    action = models.CharField(max_length=10, choices=ItemAction)
    specification = models.CharField(max_length=80)  # key of the service specification
    definition_id = models.UUIDField()  # process_definition
    parameters = models.JSONField(default=dict)  # resolved values, copied into each order
    budget = models.CharField(max_length=60, blank=True)  # the customer's clock: a parameter
    number_rule = models.JSONField(default=dict)  # {pattern, restart}
    papers = models.JSONField(default=dict)  # by kind: title, template, when, number ...
    notices = models.JSONField(default=dict)  # by key: title, when, to, by, text, text_en ...
    cancel = models.JSONField(default=dict)  # until when it may be withdrawn, why, by what
    counter = models.JSONField(default=dict)  # of a change: who may ask for it, and when
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["playbook", "playbook_hash", "key"], name="procedure_version_once"
            ),
            models.UniqueConstraint(
                fields=["specification", "action"],
                condition=models.Q(retired_at__isnull=True, counter={}),
                name="procedure_current_once",
            ),
            # changes that the counter offers stand side by side, each under its own key
            models.UniqueConstraint(
                fields=["specification", "key"],
                condition=models.Q(retired_at__isnull=True) & ~models.Q(counter={}),
                name="change_current_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.playbook}/{self.key}"


@tracked(exclude=["ext"])
class Order(ExtRow):
    """A service order (TMF641). Pins the playbook's hash and a snapshot of its parameters."""

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    number = models.CharField(_("订单号"), max_length=40, null=True, unique=True)
    state = models.CharField(max_length=24, choices=OrderState, default=OrderState.ACKNOWLEDGED)
    state_since = models.DateTimeField(default=now)
    reason = models.CharField(max_length=300, blank=True)  # why rejected, held, failed
    party = models.ForeignKey("party.Party", models.PROTECT, null=True, related_name="+")
    agent = models.ForeignKey("party.Party", models.PROTECT, null=True, related_name="+")
    introduction_letter = models.BooleanField(default=False)  # VER-04
    external_id = models.CharField(max_length=120, blank=True)
    idempotency_key = models.CharField(max_length=160, null=True)
    requester_id = models.UUIDField(null=True)  # staff
    category = models.CharField(max_length=120, blank=True)
    priority = models.CharField(max_length=20, default="4")
    description = models.CharField(max_length=500, blank=True)
    channel = models.CharField(max_length=20, default="api")
    ordered_at = models.DateTimeField(default=now)
    requested_start = models.DateTimeField(null=True)
    requested_completion = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    due_basis = models.JSONField(default=dict)  # budget, calendar, start: `due_at` is derived
    appointment_start = models.DateTimeField(null=True)
    appointment_end = models.DateTimeField(null=True)
    playbook = models.CharField(max_length=60, blank=True)
    playbook_hash = models.CharField(max_length=64, blank=True)
    parameters = models.JSONField(default=dict)
    prices = models.JSONField(default=list)

    class Meta:
        verbose_name = _("订单")
        indexes = [
            models.Index(fields=["branch", "-ordered_at", "-id"], name="order_by_branch_time"),
            models.Index(fields=["branch", "state", "-ordered_at", "-id"], name="order_by_state"),
            # Staff of a city or a province read many branches at once.
            models.Index(
                F("ordered_at").desc(),
                F("id").desc(),
                include=["branch", "state"],
                name="order_by_time",
            ),
            GinIndex(fields=["ext"], name="order_by_ext", opclasses=["jsonb_path_ops"]),
            models.Index(fields=["branch", "external_id"], name="order_by_external"),
            models.Index(fields=["party"], name="order_by_party"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["requester_id", "idempotency_key"], name="order_request_once"
            ),
        ]

    def __str__(self) -> str:
        return self.number or str(self.id)


class OrderItem(Row):
    """One thing asked for in an order, run by one process instance.

    A further service of a bundle (融合套餐) is an item of its own, without a process of its own:
    that of the item it comes with, its `lead`, carries it.
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="items")
    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    item_id = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=0)
    action = models.CharField(max_length=10, choices=ItemAction)
    state = models.CharField(max_length=24, choices=OrderState, default=OrderState.ACKNOWLEDGED)
    specification = models.CharField(max_length=80)
    offering = models.CharField(max_length=80, blank=True)
    procedure = models.ForeignKey(Procedure, models.PROTECT, null=True, related_name="+")
    service_id = models.UUIDField(null=True)
    lead = models.ForeignKey("self", models.CASCADE, null=True, related_name="parts")
    address_id = models.UUIDField(null=True)
    instance_id = models.UUIDField(null=True)
    undo_instance_id = models.UUIDField(null=True)  # what takes it back (撤单)
    payload = models.JSONField(default=dict)  # characteristics as asked

    class Meta:
        verbose_name = _("订单项")
        constraints = [
            models.UniqueConstraint(fields=["order", "item_id"], name="order_item_once"),
        ]
        indexes = [
            models.Index(fields=["service_id"], name="order_item_by_service"),
            models.Index(fields=["instance_id"], name="order_item_by_instance"),
            models.Index(fields=["address_id"], name="order_item_by_address"),
            models.Index(fields=["offering", "order"], name="order_item_by_offering"),
        ]

    def __str__(self) -> str:
        return f"{self.item_id} {self.action}"

    @property
    def instances(self) -> list[UUID]:
        """Its processes: what delivers it, and what takes it back."""
        return [i for i in (self.instance_id, self.undo_instance_id) if i is not None]


class Withdrawal(ExtRow):
    """The customer takes an order back (撤单): who, when, why, and what was promised then.

    One for each order, whatever is clicked. `plan` holds sums by charge as they were shown; what
    is given back later is that, and nothing else. `approvals` are the second person's words, by
    item. `ext` holds the request's document.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    order = models.OneToOneField(Order, models.PROTECT, related_name="withdrawal")
    key = models.CharField(max_length=160)  # of the page or the request: the same one is the same
    reason_code = models.CharField(max_length=130)  # GROUP.REASON of the playbook
    reason = models.CharField(max_length=130)  # its two titles, as they were called then
    note = models.CharField(max_length=300, blank=True)
    requested_by = models.UUIDField(null=True)  # staff
    channel = models.CharField(max_length=20, default="api")
    plan = models.JSONField(default=dict)
    approvals = models.JSONField(default=dict)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("撤单")
        indexes = [
            models.Index(fields=["branch", "-id"], name="withdrawal_by_branch"),
        ]

    def __str__(self) -> str:
        return self.reason_code


class OrderNote(Row):
    """Something that happened to an order that no other package records: a line of its timeline.

    `data` holds facts to word the line with; never people's data.
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="notes")
    kind = models.CharField(max_length=40)
    actor_id = models.UUIDField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["order", "id"], name="order_note_by_order")]

    def __str__(self) -> str:
        return self.kind


class Demand(Row):
    """Unmet demand (BB-17): somebody asked where we cannot serve; told when coverage comes.

    Asked again for the same place it is the same demand, and keeps its place in the order of
    asking (`created_at`). `round` counts how often it has waited: it is told once in each.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="+")
    party = models.ForeignKey("party.Party", models.PROTECT, null=True, related_name="+")
    address_id = models.UUIDField(null=True)
    address_text = models.CharField(max_length=300, blank=True)
    area = models.CharField(_("区域"), max_length=120, blank=True)  # of the address, for planning
    specification = models.CharField(max_length=80)
    offering = models.CharField(max_length=80, blank=True)
    reason = models.CharField(_("原因"), max_length=20, choices=DemandReason)
    state = models.CharField(
        _("状态"), max_length=10, choices=DemandState, default=DemandState.WAITING
    )
    round = models.PositiveSmallIntegerField(default=1)
    told_at = models.DateTimeField(_("通知时间"), null=True)
    told_until = models.DateTimeField(null=True)  # a line is kept in mind until then
    draft_id = models.UUIDField(null=True)  # the intake begun for it
    served_order = models.ForeignKey(Order, models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)
    ended_reason = models.CharField(max_length=200, blank=True)  # why withdrawn

    class Meta:
        verbose_name = _("未满足需求")
        indexes = [
            models.Index(fields=["branch", "reason", "created_at"], name="demand_by_branch"),
            models.Index(fields=["branch", "state", "created_at", "id"], name="demand_by_state"),
            models.Index(fields=["draft_id"], name="demand_by_draft"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["party", "address_id", "specification"],
                condition=models.Q(state__in=["waiting", "told"]),
                name="demand_living_once",
            ),
        ]

    def __str__(self) -> str:
        return self.reason


class NumberBinding(Row):
    """A number bound to a marketing case (绑定号码): living until it ends, once anywhere."""

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    order = models.ForeignKey(Order, models.CASCADE, related_name="bindings")
    item_id = models.CharField(max_length=60)
    case = models.CharField(max_length=80)
    number = EncryptedTextField(purpose=NUMBER_PURPOSE)
    number_index = models.BinaryField(max_length=32, editable=False)
    masked = models.CharField(_("绑定号码"), max_length=24)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("绑定号码")
        constraints = [
            models.UniqueConstraint(
                fields=["number_index"],
                condition=models.Q(ended_at=None),
                name="order_number_bound_once",
            ),
        ]
        indexes = [models.Index(fields=["order"], name="order_binding_by_order")]

    def __str__(self) -> str:
        return self.masked


class Draft(Row):
    """An unfinished request at the counter, under the identifier its order will have.

    What was typed about people is sealed. `held_until` and `port` repeat what inventory holds for
    it.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    clerk_id = models.UUIDField()  # staff
    state = models.CharField(max_length=10, choices=DraftState, default=DraftState.OPEN)
    sealed = EncryptedTextField(purpose="ordering.draft")
    address_id = models.UUIDField(null=True)
    held_until = models.DateTimeField(null=True)
    port = models.CharField(max_length=200, blank=True)
    updated_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name = _("受理草稿")
        indexes = [
            models.Index(
                fields=["branch", "clerk_id", "-updated_at"],
                condition=models.Q(state__in=["open", "expired"]),
                name="draft_by_clerk",
            ),
            models.Index(
                fields=["held_until"],
                condition=models.Q(state="open"),
                name="draft_by_countdown",
            ),
            models.Index(
                fields=["updated_at"],
                condition=models.Q(state__in=["open", "expired"]),
                name="draft_by_age",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


from kaitong.ordering.life_models import Authentication, NumberCode, ServiceChange  # noqa: E402
from kaitong.ordering.refund_models import FailedRefund  # noqa: E402

__all__ = [
    "NUMBER_PURPOSE",
    "Authentication",
    "Demand",
    "Draft",
    "FailedRefund",
    "NumberBinding",
    "NumberCode",
    "Order",
    "OrderItem",
    "OrderNote",
    "Procedure",
    "ServiceChange",
    "Withdrawal",
]
