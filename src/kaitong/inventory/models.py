"""Resources, who has them, and the services that run over them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Collate
from django.utils.translation import gettext_lazy as _

from kaitong.core.audit import tracked
from kaitong.core.crypto import EncryptedTextField
from kaitong.core.models import ExtRow, Row
from kaitong.inventory.choices import (
    AssignmentState,
    NumberState,
    ResourceState,
    ServiceState,
    SuspensionKind,
    TerminalKind,
    TerminalState,
)

PASSWORD = "inventory.service.password"  # noqa: S105  what its ciphertexts are bound to


class Resource(ExtRow):
    """A piece of the network, in the tree of where it stands.

    `specification` is a key of the catalogue (`Kind`). `path` joins the names from the top of the
    tree with `>` and is unique in a branch. A splitter and its ports hang on a PON port
    (`pon_port`): that is the optical way, beside the tree of places. The row is also the lock of
    its assignments: every verb locks it before it touches them.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    specification = models.CharField(_("规格"), max_length=40)
    name = models.CharField(_("名称"), max_length=80)
    code = models.CharField(_("资源编码"), max_length=60, blank=True)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children"
    )
    path = models.CharField(max_length=300)
    state = models.CharField(
        _("状态"), max_length=12, choices=ResourceState.choices, default=ResourceState.FREE
    )
    position = models.PositiveIntegerField(_("序号"), null=True, blank=True)
    pon_port = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="behind"
    )
    # a released port that still rests becomes free at this instant
    rests_until = models.DateTimeField(null=True, blank=True)
    note = models.CharField(_("说明"), max_length=200, blank=True)
    attributes = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "inventory_resource"
        verbose_name = _("资源")
        verbose_name_plural = _("资源")
        constraints = [
            models.UniqueConstraint(fields=["branch", "path"], name="resource_path_once"),
            models.UniqueConstraint(
                fields=["branch", "code"], condition=~Q(code=""), name="resource_code_once"
            ),
        ]
        indexes = [
            # Automatic assignment reads only free ports of a few boxes.
            models.Index(
                fields=["parent", "position"], condition=Q(state="free"), name="resource_free"
            ),
            models.Index(fields=["branch", "specification", "state"], name="resource_kind"),
            models.Index(
                fields=["rests_until"], condition=Q(rests_until__isnull=False), name="resource_rest"
            ),
        ]

    def __str__(self) -> str:
        return self.path


class Coverage(Row):
    """A box serves an address. Boxes of a lower `rank` are taken first."""

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    box = models.ForeignKey(Resource, models.CASCADE, related_name="+")
    address = models.ForeignKey("places.Address", models.CASCADE, related_name="+")
    rank = models.PositiveSmallIntegerField(default=0)

    class Meta:
        db_table = "inventory_coverage"
        verbose_name = _("覆盖关系")
        verbose_name_plural = _("覆盖关系")
        constraints = [
            models.UniqueConstraint(fields=["address", "box"], name="coverage_once"),
        ]

    def __str__(self) -> str:
        return f"{self.box_id} {self.address_id}"


@tracked(exclude=["password", "former_password", "former_accounts"], masked=["account"])
class Service(ExtRow):
    """A service in operation or on its way there (TMF638).

    `specification`, `playbook` and `version` say by which version of which playbook it was made; a
    service keeps its version. `customer_id` is a party and `order_id` the order that asked for it
    first. `account` and `logical_id` (逻辑 SN) name it in the network; the password is encrypted.
    `proven_by` are the kinds of proof without which it never becomes active; proofs older than
    `prove_since` no longer count, because the line has changed since. `withdrawn_at` marks one
    whose order was withdrawn before it ever worked. `lead` is the line that a further service of a
    bundle (融合套餐) comes with: the port, the visit and the contract are that one's.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    specification = models.CharField(_("服务规格"), max_length=60)
    playbook = models.CharField(_("业务流程包"), max_length=60, blank=True)
    version = models.CharField(_("版本"), max_length=64, blank=True)
    title = models.CharField(_("名称"), max_length=120, blank=True)
    state = models.CharField(_("状态"), max_length=20, choices=ServiceState.choices)
    reason = models.CharField(_("原因"), max_length=300, blank=True)
    order_id = models.UUIDField(null=True, blank=True)
    customer_id = models.UUIDField(null=True, blank=True)
    address = models.ForeignKey(
        "places.Address", models.PROTECT, null=True, blank=True, related_name="+"
    )
    lead = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="parts",
        verbose_name=_("主业务"),
    )
    account = models.CharField(_("账号"), max_length=80, blank=True)
    logical_id = models.CharField(_("逻辑 SN"), max_length=24, blank=True)
    password = EncryptedTextField(purpose=PASSWORD, null=True)
    # the one before, until the network is seen to refuse it
    former_password = EncryptedTextField(purpose="inventory.service.former-password", null=True)
    # names it had that are mobile numbers, as JSON; `ext` tells of them masked
    former_accounts = EncryptedTextField(purpose="inventory.service.former-accounts", null=True)
    characteristics = models.JSONField(default=dict, blank=True)
    proven_by = models.JSONField(default=list, blank=True)
    prove_since = models.DateTimeField()
    # proofs of the account older than this do not count: the password of a working line changed
    account_since = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(_("开通时间"), null=True, blank=True)
    ended_at = models.DateTimeField(_("终止时间"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "inventory_service"
        verbose_name = _("服务")
        verbose_name_plural = _("服务")
        constraints = [
            models.UniqueConstraint(
                fields=["account"], condition=~Q(account=""), name="service_account_once"
            ),
            models.UniqueConstraint(
                fields=["logical_id"], condition=~Q(logical_id=""), name="service_logical_id_once"
            ),
        ]
        indexes = [
            models.Index(fields=["branch", "state", "id"], name="service_state"),
            models.Index(  # read beside what a network element holds, page by page
                Collate("account", "C"), condition=~Q(account=""), name="service_in_byte_order"
            ),
            models.Index(fields=["order_id"], name="service_order"),
            models.Index(fields=["customer_id"], name="service_customer"),
            models.Index(fields=["address"], name="service_address"),
        ]

    def __str__(self) -> str:
        return self.account or str(self.pk)


class ServiceOrder(Row):
    """A later order (变更) works on a service; `Service.order_id` is the one that built it."""

    service = models.ForeignKey(Service, models.CASCADE, related_name="later_orders")
    order_id = models.UUIDField()

    class Meta:
        db_table = "inventory_serviceorder"
        verbose_name = verbose_name_plural = _("服务的变更订单")
        constraints = [
            models.UniqueConstraint(fields=["order_id", "service"], name="service_order_once")
        ]

    def __str__(self) -> str:
        return f"{self.service_id} {self.order_id}"


class Assignment(Row):
    """A resource belongs to a service, or to a draft order that has no service yet.

    The partial unique index lets one resource have one living assignment at most, whatever the code
    does; released rows stay as the port's history.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    resource = models.ForeignKey(Resource, models.PROTECT, related_name="assignments")
    service = models.ForeignKey(
        Service, models.PROTECT, null=True, blank=True, related_name="assignments"
    )
    order_id = models.UUIDField(null=True, blank=True)
    # what the service needs it for: the key of `needs` in the playbook
    role = models.CharField(max_length=40, default="port")
    state = models.CharField(_("状态"), max_length=12, choices=AssignmentState.choices)
    reserved_until = models.DateTimeField(_("保留到"), null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(_("原因"), max_length=200, blank=True)
    actor_id = models.UUIDField(null=True, blank=True)

    class Meta:
        db_table = "inventory_assignment"
        verbose_name = _("占用关系")
        verbose_name_plural = _("占用关系")
        constraints = [
            models.UniqueConstraint(
                fields=["resource"], condition=~Q(state="released"), name="resource_taken_once"
            ),
            models.UniqueConstraint(
                fields=["service", "role"],
                condition=~Q(state="released") & Q(service__isnull=False),
                name="service_role_once",
            ),
            models.CheckConstraint(
                condition=Q(state="held", reserved_until__isnull=False)
                | (~Q(state="held") & Q(reserved_until__isnull=True)),
                name="held_has_end",
            ),
            models.CheckConstraint(
                condition=Q(service__isnull=False) | Q(order_id__isnull=False),
                name="assignment_has_holder",
            ),
        ]
        indexes = [
            models.Index(fields=["order_id"], name="assignment_order"),
            models.Index(
                fields=["reserved_until"], condition=Q(state="held"), name="assignment_expiry"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource_id} {self.state}"


class Suspension(Row):
    """A service stands still for a reason, from when until when; one open row a reason."""

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    service = models.ForeignKey(Service, models.CASCADE, related_name="suspensions")
    kind = models.CharField(_("停机类型"), max_length=16, choices=SuspensionKind.choices)
    reason = models.CharField(_("原因"), max_length=200, blank=True)
    order_id = models.UUIDField(null=True, blank=True)
    since = models.DateTimeField(_("停机时间"))
    ended_at = models.DateTimeField(_("复机时间"), null=True, blank=True)
    actor_id = models.UUIDField(null=True, blank=True)

    class Meta:
        db_table = "inventory_suspension"
        verbose_name = _("停机")
        verbose_name_plural = _("停机")
        constraints = [
            models.UniqueConstraint(
                fields=["service", "kind"],
                condition=Q(ended_at__isnull=True),
                name="suspended_once",
            ),
        ]
        indexes = [models.Index(fields=["service", "since"], name="suspension_of_service")]

    def __str__(self) -> str:
        return f"{self.service_id} {self.kind}"


class Proof(Row):
    """One attempt to prove a service: what was asked of the network and whether it answered so.

    `data` holds the facts seen (element, port, session, power), never a secret.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    service = models.ForeignKey(Service, models.CASCADE, related_name="proofs")
    kind = models.CharField(_("验证"), max_length=40)
    ok = models.BooleanField(_("通过"))
    at = models.DateTimeField(_("时间"))
    summary = models.CharField(max_length=300, blank=True)
    data = models.JSONField(default=dict)
    actor_id = models.UUIDField(null=True, blank=True)

    class Meta:
        db_table = "inventory_proof"
        verbose_name = _("开通验证")
        verbose_name_plural = _("开通验证")
        indexes = [models.Index(fields=["service", "kind", "-at"], name="proof_latest")]

    def __str__(self) -> str:
        return f"{self.kind} {'ok' if self.ok else 'failed'}"


class NumberPool(Row):
    """Numbers of one rule in one branch, made ahead from a pattern (`inventory.numbers`).

    `template` is the pattern with everything filled in but the sequence; another template is
    another pool. `next_value` is the next sequence not yet made into a number.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    rule = models.CharField(_("规则"), max_length=40)
    template = models.CharField(_("编号格式"), max_length=120)
    next_value = models.BigIntegerField(default=1)
    quarantine_days = models.PositiveIntegerField(_("冷冻期（天）"), default=0)

    class Meta:
        db_table = "inventory_numberpool"
        verbose_name = _("号码池")
        verbose_name_plural = _("号码池")
        constraints = [
            models.UniqueConstraint(fields=["branch", "rule", "template"], name="pool_once")
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.template}"


class PoolNumber(Row):
    """A number of a pool. A rule never has the same number twice, whatever its pools."""

    pool = models.ForeignKey(NumberPool, models.PROTECT, related_name="numbers")
    rule = models.CharField(max_length=40)
    value = models.CharField(_("号码"), max_length=80)
    state = models.CharField(
        _("状态"), max_length=10, choices=NumberState.choices, default=NumberState.FREE
    )
    service = models.ForeignKey(
        Service, models.PROTECT, null=True, blank=True, related_name="numbers"
    )
    rests_until = models.DateTimeField(null=True, blank=True)
    held_for = models.UUIDField(null=True, blank=True)  # the draft or order it is held for
    held_until = models.DateTimeField(null=True, blank=True)  # without: until a service has it
    held_by = models.UUIDField(null=True, blank=True)  # the clerk, while it has an end
    held_of = models.UUIDField(null=True, blank=True)  # the customer it is held for, where known

    class Meta:
        db_table = "inventory_poolnumber"
        verbose_name = _("号码")
        verbose_name_plural = _("号码")
        constraints = [
            models.UniqueConstraint(fields=["rule", "value"], name="number_once"),
            models.CheckConstraint(
                condition=Q(state="in-use", service__isnull=False)
                | (~Q(state="in-use") & Q(service__isnull=True)),
                name="number_has_holder",
            ),
        ]
        indexes = [
            models.Index(fields=["pool", "value"], condition=Q(state="free"), name="number_free"),
            models.Index(
                fields=["rests_until"], condition=Q(state="quarantine"), name="number_rest"
            ),
            models.Index(fields=["held_by"], condition=Q(state="held"), name="number_held_by"),
            models.Index(fields=["held_of"], condition=Q(state="held"), name="number_held_of"),
            models.Index(fields=["held_for"], condition=Q(state="held"), name="number_held"),
        ]

    def __str__(self) -> str:
        return self.value


@tracked()
class Terminal(Row):
    """A customer's terminal (光猫) as stock: each piece by its own serial (串号).

    Its serial is the label on the box, not the logical identifier the operator assigns.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    serial = models.CharField(_("串号"), max_length=40, unique=True)
    mac = models.CharField(_("MAC"), max_length=17, blank=True)
    model = models.CharField(_("型号"), max_length=60)
    kind = models.CharField(
        _("类别"), max_length=10, choices=TerminalKind.choices, default=TerminalKind.ONU
    )
    state = models.CharField(
        _("状态"), max_length=12, choices=TerminalState.choices, default=TerminalState.IN_STOCK
    )
    holder_id = models.UUIDField(_("领用人"), null=True, blank=True)
    service = models.ForeignKey(
        Service, models.PROTECT, null=True, blank=True, related_name="terminals"
    )
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "inventory_terminal"
        verbose_name = _("终端")
        verbose_name_plural = _("终端")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["installed", "to-recover"], service__isnull=False)
                | (~Q(state__in=["installed", "to-recover"]) & Q(service__isnull=True)),
                name="terminal_installed_at",
            )
        ]
        indexes = [
            models.Index(fields=["branch", "state", "model"], name="terminal_stock"),
            models.Index(fields=["holder_id"], name="terminal_holder"),
        ]

    def __str__(self) -> str:
        return self.serial


from kaitong.inventory.stock_models import StockCount  # noqa: E402

__all__ = [
    "Assignment",
    "Coverage",
    "NumberPool",
    "PoolNumber",
    "Proof",
    "Resource",
    "Service",
    "ServiceOrder",
    "StockCount",
    "Suspension",
    "Terminal",
]
