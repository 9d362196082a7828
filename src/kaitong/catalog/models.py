"""What can be ordered, and what it is made of. Entries come from playbooks and never vanish."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.catalog.choices import EntryState, OfferingKind, ResourceCategory
from kaitong.core.models import Row


class Entry(Row):
    """A catalogue entry in one version of its playbook.

    At most one version of a key is active; the others are retired and stay for the orders and
    services that were made from them. `version` is the playbook's hash.
    """

    key = models.CharField(_("编码"), max_length=60)
    title = models.CharField(_("名称"), max_length=120)
    title_en = models.CharField(max_length=120, blank=True)
    playbook = models.CharField(_("业务流程包"), max_length=60)
    version = models.CharField(_("版本"), max_length=64)
    state = models.CharField(
        _("状态"), max_length=10, choices=EntryState.choices, default=EntryState.ACTIVE
    )
    position = models.PositiveSmallIntegerField(default=0)
    updated_at = models.DateTimeField(_("更新时间"))
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.title} ({self.key})"


class Offering(Entry):
    """A product offering (TMF620): a plan, a marketing case (营销案) or an option.

    `charges` are as the playbook says them, amounts in integer fen:
    `[{"when": "accepted", "amount": 10000, "title": "安装费", ...}]`. `services` names the service
    specifications an order of it becomes. `term` is the contract's length ("12 months").

    `parts` are the further services that come with it in one order and one visit (融合套餐), each
    `{key, service, title, title_en, characteristics}`; what a part costs beside the plan stands in
    `charges`, with the part's key as `part`.

    A marketing case goes with the plans it `requires`: `prices` are the amounts it gives to their
    charges, `charges` what it adds; between its dates it may be chosen, and with `bound_number` a
    mobile number is bound to it.
    """

    kind = models.CharField(
        _("类别"), max_length=10, choices=OfferingKind.choices, default=OfferingKind.PLAN
    )
    description = models.CharField(_("说明"), max_length=400, blank=True)
    services = models.JSONField(default=list)
    charges = models.JSONField(default=list)
    parts = models.JSONField(default=list)
    requires = models.JSONField(default=list)
    excludes = models.JSONField(default=list)
    options = models.JSONField(default=list)
    characteristics = models.JSONField(default=dict)
    term = models.CharField(_("合约期"), max_length=40, blank=True)
    prices = models.JSONField(default=list)
    bound_number = models.BooleanField(_("须绑定号码"), default=False)
    leaving = models.JSONField(
        default=dict
    )  # what leaving it within its term costs, by the way out
    valid_from = models.DateField(_("起用日期"), null=True)
    valid_until = models.DateField(_("停办日期"), null=True)

    class Meta:
        db_table = "catalog_offering"
        verbose_name = _("商品")
        verbose_name_plural = _("商品")
        ordering = ["playbook", "position", "key"]
        constraints = [
            models.UniqueConstraint(
                fields=["key", "playbook", "version"], name="offering_version_once"
            ),
            models.UniqueConstraint(
                fields=["key"], condition=models.Q(state="active"), name="offering_active_once"
            ),
        ]


class ServiceSpecification(Entry):
    """A service specification (TMF633): how an order is decomposed and what a service needs.

    `each` says over what it is repeated (order, order.points, ...), `characteristics` is its JSON
    Schema, `needs` its resources, `activates` its network changes, `proven_by` the proofs without
    which it never becomes active, `verbs` its in-life changes. `names` are the words it is spoken
    of by, in both languages (`catalog.names`).
    """

    each = models.CharField(max_length=40, default="order")
    characteristics = models.JSONField(default=dict)
    needs = models.JSONField(default=dict)
    activates = models.JSONField(default=list)
    proven_by = models.JSONField(default=list)
    verbs = models.JSONField(default=dict)
    names = models.JSONField(default=dict)

    class Meta:
        db_table = "catalog_servicespecification"
        verbose_name = _("服务规格")
        verbose_name_plural = _("服务规格")
        ordering = ["playbook", "position", "key"]
        constraints = [
            models.UniqueConstraint(
                fields=["key", "playbook", "version"], name="servicespec_version_once"
            ),
            # Two playbooks may each call a service `access`; one playbook has one active version.
            models.UniqueConstraint(
                fields=["playbook", "key"],
                condition=models.Q(state="active"),
                name="servicespec_active_once",
            ),
        ]


class ResourceSpecification(Row):
    """A resource specification (TMF634): what kinds of resources the inventory knows."""

    key = models.CharField(_("编码"), max_length=60, unique=True)
    title = models.CharField(_("名称"), max_length=120)
    title_en = models.CharField(max_length=120, blank=True)
    category = models.CharField(_("类别"), max_length=10, choices=ResourceCategory.choices)
    characteristics = models.JSONField(default=dict)
    state = models.CharField(
        _("状态"), max_length=10, choices=EntryState.choices, default=EntryState.ACTIVE
    )
    updated_at = models.DateTimeField(_("更新时间"))

    class Meta:
        db_table = "catalog_resourcespecification"
        verbose_name = _("资源规格")
        verbose_name_plural = _("资源规格")
        ordering = ["key"]

    def __str__(self) -> str:
        return f"{self.title} ({self.key})"
