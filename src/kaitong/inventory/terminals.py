"""Verbs of terminals (光猫) as stock: counted in, issued, installed, recovered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import audit, db, wording
from kaitong.core.clock import now
from kaitong.core.errors import Forbidden
from kaitong.core.ids import uuid7
from kaitong.core.rows import Mode, Put, RowFault, Tick, copy_in, silent
from kaitong.inventory.choices import TERMINAL_MOVES, TerminalKind, TerminalState
from kaitong.inventory.errors import TerminalRefused
from kaitong.inventory.locking import locked_service
from kaitong.inventory.models import Terminal
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to

_MAC = re.compile(r"[0-9A-F]{2}([:-][0-9A-F]{2}){5}|[0-9A-F]{12}")
_LONGEST_SERIAL = Terminal._meta.get_field("serial").max_length or 0
_LONGEST_MODEL = Terminal._meta.get_field("model").max_length or 0


@dataclass(frozen=True, slots=True)
class TerminalRow:
    """One piece: the serial on its label, its model, its MAC."""

    serial: str
    model: str
    mac: str = ""
    kind: str = TerminalKind.ONU


def add_terminals(*, actor: Actor, branch_id: UUID, rows: Iterable[TerminalRow]) -> int:
    """Count new pieces into stock; a serial that is known stays as it is. How many were new."""
    return put_terminals(actor=actor, branch_id=branch_id, rows=rows, update=False).added


@db.whole()
def put_terminals(
    *,
    actor: Actor,
    branch_id: UUID,
    rows: Iterable[TerminalRow],
    mode: Mode = Mode.ALL,
    update: bool = True,
    tick: Tick = silent,
) -> Put:
    """Count new pieces into stock, and correct model and MAC of those in stock.

    `mode` says what becomes of rows with faults. Where a piece is by now is not for an import to
    say.
    """
    if not actor.sees(branch_id):
        raise Forbidden(_("不能为别的分公司入库。"), field="branch_id")
    db.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", ["terminals"])
    listed = [
        TerminalRow(
            row.serial.strip().upper(), row.model.strip(), row.mac.strip().upper(), row.kind
        )
        for row in rows
    ]
    known = {
        row.serial: row
        for row in Terminal.objects.raw(
            "SELECT * FROM inventory_terminal WHERE serial = ANY(%s)",
            [[row.serial for row in listed]],
        )
    }
    faults = list(_terminal_faults(listed, known, branch_id)) if update else []
    faults += _alone(listed)
    faults.sort(key=lambda fault: fault.row)
    write = mode.writes(faults)
    bad = {fault.row for fault in faults}
    good = {row.serial: row for number, row in enumerate(listed) if number not in bad}
    new = [row for serial, row in good.items() if serial not in known]
    changes = [
        known[serial]
        for serial, row in good.items()
        if update
        and serial in known
        and (row.model, row.mac or known[serial].mac) != (known[serial].model, known[serial].mac)
    ]
    if write:
        _count_in(branch_id, new, tick)
        moment = now()
        for piece in changes:
            piece.model = good[piece.serial].model
            piece.mac = good[piece.serial].mac or piece.mac
            piece.updated_at = moment
        Terminal.objects.bulk_update(changes, ["model", "mac", "updated_at"], batch_size=1000)
        if new or changes:
            audit.record(
                "terminals-added",
                actor_id=actor.id,
                subject_type="inventory.terminal",
                subject_id=None,
                branch_id=branch_id,
                data={"count": len(new), "changed": len(changes)},
            )
    same = len(good) - len(new) - len(changes)
    return Put(len(new), len(changes), same, tuple(faults))


def _alone(rows: Sequence[TerminalRow]) -> Iterator[RowFault]:
    """Faults of each row by itself."""
    for number, row in enumerate(rows):
        if not row.serial or len(row.serial) > _LONGEST_SERIAL:
            what = _("串号要有 1 至 %(longest)s 字。") % {"longest": _LONGEST_SERIAL}
            yield RowFault(number, "serial", what, _("照标签填写。"))
        if not row.model or len(row.model) > _LONGEST_MODEL:
            what = _("型号要有 1 至 %(longest)s 字。") % {"longest": _LONGEST_MODEL}
            yield RowFault(number, "model", what, _("照标签填写。"))
        if row.mac and not _MAC.fullmatch(row.mac):
            yield RowFault(
                number,
                "mac",
                _("MAC %(mac)s 写法不对。") % {"mac": row.mac[:40]},
                _("写成 AA:BB:CC:DD:EE:FF，或留空。"),
            )


def _terminal_faults(
    rows: Sequence[TerminalRow], known: Mapping[str, Terminal], branch_id: UUID
) -> Iterator[RowFault]:
    """Serials that stand twice in the rows, or belong to another branch."""
    first: dict[str, int] = {}
    for number, row in enumerate(rows):
        if row.serial and (twin := first.setdefault(row.serial, number)) != number:
            what = _("串号 %(serial)s 重复。") % {"serial": row.serial}
            yield RowFault(number, "serial", what, _("只留一行。"), twin)
        there = known.get(row.serial)
        if there is not None and there.branch_id != branch_id:
            what = _("串号 %(serial)s 已在别处登记。") % {"serial": row.serial}
            yield RowFault(number, "serial", what, _("核对标签上的串号。"))


def _count_in(branch_id: UUID, rows: Sequence[TerminalRow], tick: Tick) -> None:
    moment, in_stock = now(), TerminalState.IN_STOCK
    copy_in(
        "inventory_terminal",
        ("id", "created_at", "branch_id", "serial", "mac", "model", "kind", "state", "updated_at"),
        (
            (
                uuid7(),
                moment,
                branch_id,
                row.serial,
                row.mac,
                row.model,
                row.kind,
                in_stock,
                moment,
            )
            for row in rows
        ),
        tick,
    )


def _locked(actor: Actor, serials: Iterable[str]) -> list[Terminal]:
    wanted = {s.strip().upper() for s in serials}
    rows = list(
        visible_to(Terminal.objects.filter(serial__in=wanted), actor)
        .order_by("pk")
        .select_for_update(no_key=True)
    )
    if missing := sorted(wanted - {r.serial for r in rows}):
        raise TerminalRefused(
            _("串号 %(list)s 不在库存里。") % {"list": wording.several(missing)},
            _("请核对标签，或先入库。"),
            field="serial",
        )
    return rows


def _move(terminal: Terminal, state: str) -> None:
    if terminal.state == state:
        return
    if state not in TERMINAL_MOVES[terminal.state]:
        raise TerminalRefused(
            _("终端 %(serial)s 现在是%(state)s，不能改为%(target)s。")
            % {
                "serial": terminal.serial,
                "state": terminal.get_state_display(),
                "target": TerminalState(state).label,
            },
            _("请核对串号。"),
            field="serial",
        )
    terminal.state = state


@db.whole()
def issue_terminals(*, actor: Actor, serials: Sequence[str], holder_id: UUID) -> list[Terminal]:
    """Hand pieces out to an installer (领用)."""
    rows = _locked(actor, serials)
    for row in rows:
        _move(row, TerminalState.ISSUED)
        row.holder_id, row.service, row.updated_at = holder_id, None, now()
        row.save()
    return rows


@db.whole()
def install_terminal(
    *,
    actor: Actor,
    service_id: UUID,
    serial: str,
    old_becomes: str = TerminalState.ISSUED,
    kind: str = "",
) -> Terminal:
    """Bind a piece to a service (已装); scanning the same one again changes nothing.

    Another piece the service had goes back to the installer's hands, or where `old_becomes` says:
    onto the shelf (在库), to be fetched later (待回收), written off (报废). Raises TerminalRefused
    for an unknown serial, for one installed at another customer's, and for another `kind` of piece.
    """
    service = locked_service(actor, service_id)
    row = _locked(actor, [serial])[0]
    if kind and row.kind != kind:
        raise TerminalRefused(
            _("串号 %(serial)s 是%(is)s，不是%(wanted)s。")
            % {
                "serial": row.serial,
                "is": row.get_kind_display(),
                "wanted": TerminalKind(kind).label,
            },
            _("请扫对应设备的标签。"),
            field="serial",
        )
    if row.state == TerminalState.INSTALLED:
        if row.service_id == service.pk:
            return row
        raise TerminalRefused(
            _("终端 %(serial)s 已装在另一个服务上。") % {"serial": row.serial},
            _("请核对标签上的串号。"),
            field="serial",
        )
    replaced = Terminal.objects.filter(service=service, state=TerminalState.INSTALLED)
    for old in replaced.order_by("pk").select_for_update(no_key=True):
        _move(old, old_becomes)
        if old_becomes != TerminalState.TO_RECOVER:  # that one still stands at the customer's
            old.service = None
        old.holder_id = actor.id if old_becomes == TerminalState.ISSUED else None
        old.updated_at = now()
        old.save()
    _move(row, TerminalState.INSTALLED)
    row.service, row.holder_id, row.updated_at = service, None, now()
    row.save()
    return row


@db.whole()
def to_recover(*, actor: Actor, service_id: UUID) -> list[Terminal]:
    """The service ended: its pieces are to be fetched (待回收)."""
    service = locked_service(actor, service_id)
    rows = Terminal.objects.filter(service=service, state=TerminalState.INSTALLED)
    found = list(rows.order_by("pk").select_for_update(no_key=True))
    for row in found:
        _move(row, TerminalState.TO_RECOVER)
        row.updated_at = now()
        row.save()
    return found


@db.whole()
def return_to_stock(*, actor: Actor, serials: Sequence[str]) -> list[Terminal]:
    """Pieces are back on the shelf (在库)."""
    rows = _locked(actor, serials)
    for row in rows:
        _move(row, TerminalState.IN_STOCK)
        row.service, row.holder_id, row.updated_at = None, None, now()
        row.save()
    return rows
