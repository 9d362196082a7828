"""Reconciliation (对账): what an element holds beside the services that live at it.

Both sides are read in the order of accounts and merged, so that any number of accounts costs a page
of memory. What differs is looked at a second time before it is believed: orders go on meanwhile. A
difference is one row however often it is seen, closed by the run that sees it gone; each becomes
work by a message that begins a process of the playbook, some at a time, so that a server that lost
everything does not bury a department.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.activation import acting, kinds, queries, reconciling_lines, services, wanting
from kaitong.activation.adapters.base import AccountChange, AccountState
from kaitong.activation.choices import DifferenceKind, ElementKind, Verb
from kaitong.activation.found import Found
from kaitong.activation.kinds.comparing import Comparing
from kaitong.activation.models import Difference, NetworkElement, Reconciliation
from kaitong.activation.records import For
from kaitong.catalog import queries as catalog
from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.core.errors import Conflict, Forbidden, NotFound
from kaitong.core.masking import mask_account
from kaitong.inventory import queries as inventory
from kaitong.inventory import reckoning
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.reckoning import Standing
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process import services as process

DIFFERS, AGREES = "account-differs", "account-agrees"
POST = "network"  # whose work it is, beside supervisors
_AT_ONCE = 50  # differences that are work at one time, where the element does not say otherwise
_SECOND_LOOK = 500  # accounts


class NotRepaired(Conflict):
    """A repair that must not be done: what was looked at is not what stands."""


def reconcile_all() -> list[Reconciliation]:
    """Every element in service whose kind is compared, one after the other. Raises Unreachable for
    one that is away."""
    return [reconcile(element) for element in _compared_elements()]


def reconcile_due() -> int:
    """Those whose record says how often (`reconcile_every`, hours) and whose last run is longer
    ago; how many ran. Two workers at once never begin the same."""
    ran = 0
    for element in _compared_elements():
        hours = float(element.connection.get("reconcile_every") or 0)
        if hours <= 0:
            continue
        with transaction.atomic():
            NetworkElement.objects.select_for_update().get(pk=element.pk)
            since = now() - timedelta(hours=hours)
            if Reconciliation.objects.filter(element=element, created_at__gt=since).exists():
                continue
            run = Reconciliation.objects.create(element=element)
        reconcile(element, run)
        ran += 1
    return ran


def reconcile(element: NetworkElement, run: Reconciliation | None = None) -> Reconciliation:
    """Compare one element with the services it serves, and keep what differs."""
    run = run or Reconciliation.objects.create(element=element)
    if kinds.of(element.kind).has_password:
        audit.record(
            "passwords-compared",
            actor_id=None,
            subject_type="activation.element",
            subject_id=element.pk,
            branch_id=element.branch_id,
            data={},
        )
    branches = served_by(element)
    first = list(_compared(element, branches, None, run))
    again: list[Found] = []
    for start in range(0, len(first), _SECOND_LOOK):
        names = [found.account for found in first[start : start + _SECOND_LOOK]]
        again += _not_under_way(_compared(element, branches, names, None), element)
    run.found = len(again)
    run.closed = _keep(element, again)
    run.ended_at = now()
    run.save()
    _make_work(element)
    return run


def served_by(element: NetworkElement) -> list[UUID]:
    """The branches whose nearest element of this kind this one is."""
    below = org.branches_below(element.branch_id)
    others = [
        other
        for other in queries.elements_in_service(element.kind)
        if other.pk != element.pk and other.branch_id in below
    ]
    taken = {b for other in others for b in org.branches_below(other.branch_id)}
    return [branch for branch in below if branch not in taken]


def living_at(element: NetworkElement, branches: Sequence[UUID]) -> Iterator[Standing]:
    """The services of these branches that stand in the network at such an element."""
    if element.kind == ElementKind.DHCP:
        standing = reckoning.standing(branches, catalog.sent_to(ElementKind.DHCP))
    else:
        standing = reckoning.in_operation(branches, "")
    return _living_at(element, standing)


def keep_as_work(element: NetworkElement, found: Found) -> None:
    """A difference that was found another way: kept once, and work as there is room for it."""
    _keep(element, [found], only=[found.account])
    _make_work(element)


# ---- repairs -------------------------------------------------------------------------------------


def resend(*, actor: Actor, difference_id: UUID) -> None:
    """Bring the account to what the inventory says, and look again (missing, different)."""
    row = _open(actor, difference_id)
    if row.service_id is None:
        raise NotRepaired(_("没有服务使用这个账号，不能重发。"), _("确认后撤下它。"))
    service = inventory.service(Actor.system(), row.service_id)
    services.bring_account(
        row.element,
        kinds.of(row.element.kind).name(service),
        acting.wanted_now(service, row.element, "对账重发"),
        For(row.branch_id, row.service_id, None, f"difference:{row.pk}"),
    )
    _look_again(row, actor, "resent")


def remove(*, actor: Actor, difference_id: UUID, seen: str) -> None:
    """Take an account out that no service has. `seen` is the fingerprint of what was shown; another
    state by now, or a service that has the account, is refused."""
    row = _open(actor, difference_id)
    if fingerprint(row) != seen:
        raise NotRepaired(_("这条差异刚刚变化过。"), _("核对新的内容后再撤下。"))

    def absent() -> AccountChange:
        if _is_used(row):
            raise NotRepaired(_("已有服务使用账号 %(account)s。") % {"account": called(row)})
        return AccountChange(account=row.account, state=AccountState.ABSENT)

    services.bring_account(
        row.element,
        row.account,
        absent,
        For(row.branch_id, None, None, f"difference:{row.pk}"),
        Verb.UNDO,
    )
    _look_again(row, actor, "removed")


def called(row: Difference) -> str:
    """What people know it by: the account; of a line its circuit."""
    ours, theirs = row.fields.get("circuit") or ("", "")
    return str(ours or theirs or row.account)


def fingerprint(row: Difference) -> str:
    """What a person saw when agreeing to a removal."""
    return f"{row.kind}:{row.seen_at.isoformat()}:{len(row.fields)}"


def told(row: Difference) -> str:
    """What differs, in one line."""
    line = "circuit" in row.fields
    if row.kind == DifferenceKind.MISSING:
        if line:
            return _("服务在用，DHCP 平台没有这条线路。")
        if row.element.kind != ElementKind.AAA:
            return _("服务在用，%(element)s没有这个账号。") % {"element": row.element.title}
        return _("服务在用，认证系统没有这个账号。")
    if row.kind == DifferenceKind.EXTRA:
        if "lease" in row.fields and "plan" not in row.fields:
            return _("没有在用服务的线路上，机顶盒仍持有地址。")
        return _("没有服务使用这条线路。") if line else _("没有服务使用这个账号。")
    words = {
        "state": _("状态"),
        "plan": _("套餐"),
        "password": _("密码"),
        "circuit": _("线路"),
        "lease": _("机顶盒仍持有地址"),
    }
    parts = [
        words.get(field, field) + (f" {_unlike(ours, theirs)}" if ours or theirs else "")
        for field, (ours, theirs) in row.fields.items()
        if not (ours and ours == theirs)  # a circuit that only names the line
    ]
    return "；".join(parts)


def _unlike(ours: str, theirs: str) -> str:
    return f"{ours} ≠ {theirs}" if ours else theirs  # of a lease there is one side only


def may_repair(actor: Actor) -> bool:
    return actor.has_post(POST) or actor.is_supervisor


def open_differences(actor: Actor, *, kind: str = "") -> Any:
    """Differences of the actor's branches that stand, oldest first."""
    rows = org.visible_to(Difference.objects.filter(closed_at=None), actor)
    rows = rows.select_related("element").order_by("id")
    return rows.filter(kind=kind) if kind else rows


def _compared_elements() -> list[NetworkElement]:
    """Those in service of every kind that can be compared."""
    return [one for key in kinds.compared() for one in queries.elements_in_service(key)]


# ---- inside --------------------------------------------------------------------------------------


def _open(actor: Actor, difference_id: UUID) -> Difference:
    row = open_differences(actor).filter(pk=difference_id).first()
    if row is None:
        raise NotFound(_("没有这条差异，或已经消除。"))
    if not may_repair(actor):
        raise Forbidden(_("处理对账差异的是网络岗位或班长。"))
    found: Difference = row
    return found


def _look_again(row: Difference, actor: Actor, how: str) -> None:
    found = _compared(row.element, served_by(row.element), [row.account], None)
    left = _not_under_way(found, row.element)
    if left:
        _keep(row.element, left, only=[row.account])
        raise NotRepaired(_("已下发，但两边仍不一致。"), _("查看最近一次网络交互。"))
    with transaction.atomic():
        _close([row], how, actor.id)


def _compared(
    element: NetworkElement,
    branches: Sequence[UUID],
    accounts: Sequence[str] | None,
    run: Reconciliation | None,
) -> Iterator[Found]:
    """Merge both sides in byte order of the accounts."""
    if element.kind == ElementKind.DHCP:
        yield from reconciling_lines.compared(element, branches, accounts, run)
        return
    wanted, salt = _comparing(element), random.token_hex(16)
    ours = _living_at(
        element,
        reckoning.in_operation(branches, salt, accounts=accounts, spelled=wanted.spelled),
    )
    theirs = wanted.held(salt, accounts)
    here, there = next(ours, None), next(theirs, None)
    count = 0
    try:
        while here is not None or there is not None:
            count += 1
            if there is None or (here is not None and _before(here.account, there.account)):
                assert here is not None
                # a part of a bundle has its number before anything of it is sent
                if here.started or element.kind == ElementKind.AAA:
                    yield Found(
                        here.account, DifferenceKind.MISSING, here.branch_id, here.service_id
                    )
                here = next(ours, None)
            elif here is None or _before(there.account, here.account):
                groups = ("groups", "", " ".join(there.groups))
                yield Found(
                    there.account, DifferenceKind.EXTRA, element.branch_id, fields=(groups,)
                )
                there = next(theirs, None)
            else:
                fields = wanted.unlike(here, there)
                if fields:
                    yield Found(
                        here.account, DifferenceKind.DIFFERENT, here.branch_id, here.service_id,
                        tuple(fields),
                    )  # fmt: skip
                here, there = next(ours, None), next(theirs, None)
    finally:
        theirs.close()  # type: ignore[attr-defined]
    if run is not None:
        run.compared = count


def _comparing(element: NetworkElement) -> Comparing:
    found = kinds.of(element.kind).comparing(services.adapter(element))
    assert found is not None  # only such are asked for
    return found


def _living_at(element: NetworkElement, standing: Iterable[Standing]) -> Iterator[Standing]:
    """Those of the services whose specification names this kind of element."""
    known: dict[tuple[str, str, str], str] = {}
    for one in standing:
        key = (one.playbook, one.version, one.specification)
        if key not in known:
            known[key] = wanting.kind_of(one)
        if known[key] == element.kind:
            yield one


def _before(one: str, other: str) -> bool:
    return one.encode() < other.encode()


def _not_under_way(found: Iterable[Found], element: NetworkElement) -> list[Found]:
    """Without the accounts of services that are on their way into the network, or out of it: what
    was sent a moment ago is not extra; what another element serves by now is. An account a service
    had before is its branch's to see."""
    found, served = list(found), {element.branch_id, *served_by(element)}
    known = _whose(element, [f.account for f in found if f.kind is DifferenceKind.EXTRA])
    kept = []
    for one in found:
        branch_id, state = known.get(one.account, (element.branch_id, ""))
        if one.kind is not DifferenceKind.EXTRA:
            kept.append(one)
        elif state in ("", ServiceState.TERMINATED) or branch_id not in served:
            kept.append(replace(one, branch_id=branch_id))
    return kept


def _whose(element: NetworkElement, names: Sequence[str]) -> dict[str, tuple[UUID, str]]:
    """Branch and state of the service that is called so at the element."""
    if element.kind == ElementKind.DHCP:
        return reconciling_lines.whose(names)
    return reckoning.of_accounts(names)


def _is_used(row: Difference) -> bool:
    """Whether a service that has not ended, and that this element serves, is called so by now."""
    if row.element.kind == ElementKind.DHCP:
        branch, state = reconciling_lines.whose([row.account]).get(row.account, (None, ""))
        return state not in ("", ServiceState.TERMINATED) and branch in served_by(row.element)
    used = inventory.service_by_account(Actor.system(), row.account)
    return used is not None and used.branch_id in served_by(row.element)


def _keep(
    element: NetworkElement, found: Iterable[Found], only: Sequence[str] | None = None
) -> int:
    """Open differences as they were seen just now, and close those that are gone; how many."""
    at = now()
    by_account = {one.account: one for one in found}
    with transaction.atomic():
        # two runs over one element take turns
        NetworkElement.objects.select_for_update().get(pk=element.pk)
        rows = Difference.objects.filter(element=element, closed_at=None)
        if only is not None:
            rows = rows.filter(account__in=only)
        standing = {row.account: row for row in rows}
        gone = [row for account, row in standing.items() if account not in by_account]
        _close(gone, "gone", None)
        fresh = []
        for account, one in by_account.items():
            row = standing.get(account) or Difference(element=element, account=account)
            row.kind, row.branch_id, row.service_id = one.kind, one.branch_id, one.service_id
            row.fields = {field: [ours, theirs] for field, ours, theirs in one.fields}
            row.seen_at = at
            fresh.append(row)
        known = [row for row in fresh if row.account in standing]
        Difference.objects.bulk_update(
            known, ["kind", "branch", "service_id", "fields", "seen_at"], batch_size=1000
        )
        Difference.objects.bulk_create(
            [row for row in fresh if row.account not in standing], batch_size=1000
        )
    return len(gone)


def _close(rows: Iterable[Difference], how: str, by: UUID | None) -> None:
    """Inside a transaction: the rows are closed, and their work takes itself away."""
    for row in rows:
        row.closed_at, row.closed_how, row.closed_by = now(), how, by
        row.account = mask_account(row.account)  # what is over is a record
        row.save(update_fields=["account", "closed_at", "closed_how", "closed_by"])
        if row.told_at is not None:
            process.publish(
                name=AGREES,
                key=str(row.pk),
                sender_id=f"agrees:{row.pk}",
                values={},
                branch_id=row.branch_id,
            )


def _make_work(element: NetworkElement) -> None:
    """Some of the open differences become work: as many as may be work at one time."""
    most = int(element.connection.get("differences_at_once") or _AT_ONCE)
    with transaction.atomic():
        NetworkElement.objects.select_for_update().get(pk=element.pk)
        rows = Difference.objects.filter(element=element, closed_at=None)
        room = most - rows.exclude(told_at=None).count()
        for row in rows.filter(told_at=None).order_by("id")[: max(room, 0)]:
            process.publish(
                name=DIFFERS,
                key=str(row.pk),
                sender_id=f"differs:{row.pk}",
                values={
                    "business_id": str(row.pk),
                    "difference_id": str(row.pk),
                    "difference_kind": row.kind,
                },
                branch_id=row.branch_id,
            )
            row.told_at = now()
            row.save(update_fields=["told_at"])
