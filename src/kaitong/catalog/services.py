"""Verbs of the catalogue: playbooks deploy their entries; entries retire and never vanish."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from kaitong.catalog.choices import EntryState, OfferingKind, ResourceCategory
from kaitong.catalog.errors import KeyTaken
from kaitong.catalog.models import Entry, Offering, ResourceSpecification, ServiceSpecification
from kaitong.catalog.pricing import unmatched
from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault
from kaitong.org.actor import Actor

E = TypeVar("E", bound=Entry)


@dataclass(frozen=True, slots=True)
class OfferingEntry:
    """An offering as a playbook says it."""

    key: str
    title: str
    title_en: str = ""
    kind: str = OfferingKind.PLAN
    description: str = ""
    services: Sequence[str] = ()
    charges: Sequence[Mapping[str, Any]] = ()
    parts: Sequence[Mapping[str, Any]] = ()
    requires: Sequence[str] = ()
    excludes: Sequence[str] = ()
    options: Sequence[str] = ()
    characteristics: Mapping[str, Any] = field(default_factory=dict)
    term: str = ""
    prices: Sequence[Mapping[str, Any]] = ()
    bound_number: bool = False
    leaving: Mapping[str, Any] = field(default_factory=dict)
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """A service specification as a playbook says it."""

    key: str
    title: str
    title_en: str = ""
    each: str = "order"
    characteristics: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, Any] = field(default_factory=dict)
    activates: Sequence[Mapping[str, Any]] = ()
    proven_by: Sequence[str] = ()
    verbs: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResourceEntry:
    """A kind of resource the inventory is to know."""

    key: str
    title: str
    title_en: str
    category: str
    characteristics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deployment changed: keys that became active, keys that retired."""

    activated: tuple[str, ...]
    retired: tuple[str, ...]


def _plain(value: Any) -> Any:
    """Tuples and read-only mappings as JSON holds them."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in value]
    return value


def check_offerings(offerings: Iterable[OfferingEntry], services: set[str]) -> list[InputFault]:
    """Every fault of a playbook's offerings: keys, amounts, references."""
    listed = list(offerings)
    keys = [o.key for o in listed]
    plans = {o.key: o for o in listed if o.kind == OfferingKind.PLAN}
    faults = []
    for entry in listed:
        where = f"offerings.{entry.key or '?'}"
        if not entry.key or keys.count(entry.key) > 1:
            faults.append(
                InputFault(where, _("商品编码为空或重复。"), _("每个商品给一个唯一编码。"))
            )
        if entry.kind not in OfferingKind.values:
            faults.append(
                InputFault(f"{where}.kind", _("不认识的商品类别 %(kind)s。") % {"kind": entry.kind})
            )
        for name in entry.services:
            if name not in services:
                faults.append(
                    InputFault(f"{where}.services", _("没有服务规格 %(name)s。") % {"name": name})
                )
        for part in entry.parts:
            if part["service"] not in services:
                faults.append(
                    InputFault(
                        f"{where}.with", _("没有服务规格 %(name)s。") % {"name": part["service"]}
                    )
                )
        for number, charge in enumerate(entry.charges):
            amount = charge.get("amount")
            if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
                faults.append(
                    InputFault(
                        f"{where}.charges[{number}].amount",
                        _("金额 %(amount)s 不是以分为单位的非负整数。") % {"amount": repr(amount)},
                        _("100 元写成 10000。"),
                    )
                )
            if not charge.get("when"):
                faults.append(InputFault(f"{where}.charges[{number}].when", _("没有写何时收取。")))
        if entry.kind == OfferingKind.CASE:
            faults += _check_case(entry, where, plans)
    return faults


def _check_case(
    entry: OfferingEntry, where: str, plans: Mapping[str, OfferingEntry]
) -> list[InputFault]:
    """A marketing case goes with plans there are, and changes charges that they have."""
    faults = []
    if not entry.requires:
        faults.append(
            InputFault(f"{where}.offerings", _("营销案没有写用于哪些套餐。"), _("至少写一个套餐。"))
        )
    for key in entry.requires:
        if key not in plans:
            faults.append(InputFault(f"{where}.offerings", _("没有套餐 %(key)s。") % {"key": key}))
            continue
        for price in unmatched(plans[key].charges, entry.prices):
            faults.append(
                InputFault(
                    f"{where}.prices",
                    _("套餐 %(plan)s 没有“%(title)s”这项费用。")
                    % {"plan": key, "title": price["title"]},
                    _("费用的名称和收取时点须与套餐一致；新增的费用写在 charges。"),
                )
            )
    if entry.valid_from and entry.valid_until and entry.valid_from > entry.valid_until:
        faults.append(InputFault(f"{where}.valid", _("起用日期晚于停办日期。"), _("请核对。")))
    return faults


@transaction.atomic
def deploy(
    *,
    actor: Actor,
    playbook_key: str,
    hash: str,
    offerings: Sequence[OfferingEntry],
    service_specs: Sequence[ServiceEntry],
) -> Deployed:
    """Make one version of a playbook's entries the active one; its other versions retire.

    Deploying the same hash again changes nothing; deploying an older one makes that active again.
    Raises BadInput with every fault, KeyTaken when another playbook offers the same key.
    """
    faults = check_offerings(offerings, {s.key for s in service_specs})
    if faults:
        raise BadInput(faults)
    # Two deployments of one playbook take turns; the second sees what the first did.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"catalog:{playbook_key}"])
    taken = Offering.objects.filter(
        key__in=[o.key for o in offerings], state=EntryState.ACTIVE
    ).exclude(playbook=playbook_key)
    if found := taken.first():
        raise KeyTaken(
            _("商品编码 %(key)s 已由业务流程包 %(playbook)s 使用。")
            % {"key": found.key, "playbook": found.playbook},
            _("换一个编码。"),
        )
    changes = [
        _put(ServiceSpecification, playbook_key, hash, service_specs),
        _put(Offering, playbook_key, hash, offerings),
    ]
    activated = tuple(key for on, _ in changes for key in on)
    retired = tuple(key for _on, off in changes for key in off)
    if activated or retired:
        audit.record(
            "catalog-deployed",
            actor_id=actor.id,
            subject_type="catalog.playbook",
            subject_id=None,
            data={"playbook": playbook_key, "version": hash, "activated": list(activated)},
        )
    return Deployed(activated, retired)


def _put(
    model: type[E], playbook: str, version: str, entries: Sequence[OfferingEntry | ServiceEntry]
) -> tuple[list[str], list[str]]:
    """Retire other versions, then write this one; the keys activated and the keys retired."""
    moment = now()
    mine = model._default_manager.filter(playbook=playbook)
    wanted = {entry.key: position for position, entry in enumerate(entries)}
    old = mine.filter(state=EntryState.ACTIVE).exclude(Q(version=version) & Q(key__in=wanted))
    gone = list(old.values_list("key", flat=True))
    old.update(state=EntryState.RETIRED, retired_at=moment, updated_at=moment)
    present = {row.key: row for row in mine.filter(version=version)}
    activated = []
    for entry in entries:
        row = present.get(entry.key)
        if row is not None and row.state == EntryState.ACTIVE:
            continue
        row = row or model(key=entry.key, playbook=playbook, version=version)
        for name in entry.__dataclass_fields__:
            setattr(row, name, _plain(getattr(entry, name)))
        row.state, row.retired_at, row.updated_at = EntryState.ACTIVE, None, moment
        row.position = wanted[entry.key]
        row.save()
        activated.append(entry.key)
    return activated, [key for key in gone if key not in activated]


@transaction.atomic
def retire(*, actor: Actor, playbook_key: str) -> int:
    """Take everything of a playbook off the counter; how many entries retired."""
    moment = now()
    count = 0
    for model in (Offering, ServiceSpecification):
        count += model.objects.filter(playbook=playbook_key, state=EntryState.ACTIVE).update(
            state=EntryState.RETIRED, retired_at=moment, updated_at=moment
        )
    if count:
        audit.record(
            "catalog-retired",
            actor_id=actor.id,
            subject_type="catalog.playbook",
            subject_id=None,
            data={"playbook": playbook_key, "entries": count},
        )
    return count


@transaction.atomic
def define_resources(*, actor: Actor, entries: Sequence[ResourceEntry]) -> int:
    """Make kinds of resources known, or give them a new title; how many there are now."""
    faults = [
        InputFault(
            f"resources.{entry.key}",
            _("不认识的资源类别 %(category)s。") % {"category": entry.category},
        )
        for entry in entries
        if entry.category not in ResourceCategory.values
    ]
    if faults:
        raise BadInput(faults)
    moment = now()
    ResourceSpecification.objects.bulk_create(
        [
            ResourceSpecification(
                key=entry.key,
                title=entry.title,
                title_en=entry.title_en,
                category=entry.category,
                characteristics=_plain(entry.characteristics),
                updated_at=moment,
            )
            for entry in entries
        ],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["title", "title_en", "category", "characteristics", "updated_at"],
    )
    return ResourceSpecification.objects.count()
