"""Verbs of terminals (光猫) as stock: counted in, issued, installed, recovered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.core.errors import BadInput, Forbidden, InputFault
from kaitong.inventory.choices import TERMINAL_MOVES, TerminalState
from kaitong.inventory.errors import TerminalRefused
from kaitong.inventory.locking import locked_service
from kaitong.inventory.models import Terminal
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to


@dataclass(frozen=True, slots=True)
class TerminalRow:
    """One piece: the serial on its label, its model, its MAC."""

    serial: str
    model: str
    mac: str = ""


@transaction.atomic
def add_terminals(*, actor: Actor, branch_id: UUID, rows: Iterable[TerminalRow]) -> int:
    """Count new pieces into stock; a serial that is known stays as it is. How many were new."""
    if not actor.sees(branch_id):
        raise Forbidden(_("不能为别的分公司入库。"), field="branch_id")
    listed = list(rows)
    faults = [
        InputFault(f"rows[{number}]", _("每件终端要有串号和型号。"))
        for number, row in enumerate(listed)
        if not row.serial.strip() or not row.model.strip()
    ]
    if faults:
        raise BadInput(faults)
    before = Terminal.objects.filter(branch_id=branch_id).count()
    moment = now()
    Terminal.objects.bulk_create(
        [
            Terminal(
                branch_id=branch_id,
                serial=row.serial.strip().upper(),
                model=row.model.strip(),
                mac=row.mac.strip().upper(),
                updated_at=moment,
            )
            for row in listed
        ],
        ignore_conflicts=True,
        batch_size=1000,
    )
    return Terminal.objects.filter(branch_id=branch_id).count() - before


def _locked(actor: Actor, serials: Iterable[str]) -> list[Terminal]:
    wanted = {s.strip().upper() for s in serials}
    rows = list(
        visible_to(Terminal.objects.filter(serial__in=wanted), actor)
        .order_by("pk")
        .select_for_update(no_key=True)
    )
    if missing := sorted(wanted - {r.serial for r in rows}):
        raise TerminalRefused(
            _("串号 %(list)s 不在库存里。") % {"list": "、".join(missing)},
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


@transaction.atomic
def issue_terminals(*, actor: Actor, serials: Sequence[str], holder_id: UUID) -> list[Terminal]:
    """Hand pieces out to an installer (领用)."""
    rows = _locked(actor, serials)
    for row in rows:
        _move(row, TerminalState.ISSUED)
        row.holder_id, row.service, row.updated_at = holder_id, None, now()
        row.save()
    return rows


@transaction.atomic
def install_terminal(*, actor: Actor, service_id: UUID, serial: str) -> Terminal:
    """Bind a piece to a service (已装); scanning the same one again changes nothing.

    Another piece the service had goes back to the installer's hands. Raises TerminalRefused for an
    unknown serial and for one installed at another customer's.
    """
    service = locked_service(actor, service_id)
    row = _locked(actor, [serial])[0]
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
        _move(old, TerminalState.ISSUED)
        old.service, old.holder_id, old.updated_at = None, actor.id, now()
        old.save()
    _move(row, TerminalState.INSTALLED)
    row.service, row.holder_id, row.updated_at = service, None, now()
    row.save()
    return row


@transaction.atomic
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


@transaction.atomic
def return_to_stock(*, actor: Actor, serials: Sequence[str]) -> list[Terminal]:
    """Pieces are back on the shelf (在库)."""
    rows = _locked(actor, serials)
    for row in rows:
        _move(row, TerminalState.IN_STOCK)
        row.service, row.holder_id, row.updated_at = None, None, now()
        row.save()
    return rows
