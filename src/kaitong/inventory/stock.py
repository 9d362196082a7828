"""Terminals as stock (终端库存): who has which piece; handed out (领用), taken back (退库), written
off (报废), and counted (盘点).

A piece at a customer's moves with his line alone: by the installer's completion, a cancellation,
the work that fetches it. What a keeper does by hand is for pieces that nobody's line has.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from kaitong.core import audit, db, wording
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault
from kaitong.inventory.by_hand import may_keep
from kaitong.inventory.choices import TerminalState
from kaitong.inventory.errors import NoSuchResource, NotKeeper, TerminalRefused
from kaitong.inventory.models import StockCount, Terminal
from kaitong.org.actor import Actor
from kaitong.org.queries import holders, visible_to

MOST = 500  # serials in one list: what somebody scans at one time
SHELF = 5_000  # serials of one count: a shelf is held against its whole list, never in parts
_SHOWN = 5
_BREAK = re.compile(r"[\s,;，；、]+")


# ---- reading -------------------------------------------------------------------------------------


def serials_of(text: str) -> list[str]:
    """The serials somebody scanned or typed, one a line or apart by commas; each once."""
    return list(dict.fromkeys(s.upper() for s in _BREAK.split(text.strip()) if s))


def counted(actor: Actor) -> dict[str, int]:
    """How many pieces stand in each state."""
    rows = visible_to(Terminal.objects.all(), actor).values_list("state")
    found = dict(rows.annotate(n=Count("id")))
    return {state: found.get(state, 0) for state in TerminalState.values}


def models(actor: Actor) -> list[tuple[str, dict[str, int]]]:
    """How many of each model stand in each state, by model."""
    rows = visible_to(Terminal.objects.all(), actor).values_list("model", "state")
    found: dict[str, dict[str, int]] = {}
    for model, state, n in rows.annotate(n=Count("id")).order_by("model"):
        found.setdefault(model, dict.fromkeys(TerminalState.values, 0))[state] = n
    return list(found.items())


def pieces(
    actor: Actor, *, state: str = "", model: str = "", asked: str = ""
) -> QuerySet[Terminal]:
    """Pieces by state, model and part of the serial; what changed last comes first."""
    rows = visible_to(Terminal.objects.select_related("service"), actor)
    rows = rows.defer("service__password").order_by("-updated_at", "-pk")
    if state in TerminalState.values:
        rows = rows.filter(state=state)
    if model:
        rows = rows.filter(model=model)
    if asked:
        rows = rows.filter(Q(serial__contains=asked.strip().upper()))
    return rows


def counts(actor: Actor, *, limit: int = 10) -> list[StockCount]:
    return list(visible_to(StockCount.objects.all(), actor).order_by("-counted_at")[:limit])


def count_of(actor: Actor, count_id: UUID) -> StockCount:
    """One stock-taking; NoSuchResource when absent or another branch's."""
    found = visible_to(StockCount.objects.filter(pk=count_id), actor).first()
    if found is None:
        raise NoSuchResource(_("没有这次盘点。"), _("请从终端库存里打开。"))
    return found


def now_of(actor: Actor, serials: Iterable[str]) -> dict[str, Terminal]:
    """Where these pieces are by now, by serial."""
    rows = visible_to(Terminal.objects.filter(serial__in=list(serials)), actor)
    return {row.serial: row for row in rows}


def still_lost(count: StockCount, rows: Iterable[Terminal]) -> list[Terminal]:
    """The pieces among these that a count missed and nobody has moved since."""
    missing = set(count.missing)
    return [
        row
        for row in rows
        if row.serial in missing
        and row.state == TerminalState.IN_STOCK
        and row.updated_at <= count.counted_at
    ]


# ---- acts of the keeper --------------------------------------------------------------------------


def hand_out(*, actor: Actor, serials: Sequence[str], holder_id: UUID) -> list[Terminal]:
    """领用: pieces from the shelf into an installer's hands; the same again changes nothing."""
    branch_id = _keeper(actor)
    names = {one.pk: one.name for one in holders(branch_id, "installer")}
    if holder_id not in names:
        what = _("这个人不是本分公司的装维人员。")
        raise BadInput([InputFault("holder", what, _("请从名单里选。"))])
    with audit.acting(actor.id, "terminals handed out"), transaction.atomic():
        rows = _locked(actor, serials, branch_id)
        wrong = [
            row
            for row in rows
            if row.state != TerminalState.IN_STOCK
            and (row.state, row.holder_id) != (TerminalState.ISSUED, holder_id)
        ]
        _refuse(wrong, _("只有在库的终端能领用。"), _("在别人手里的先退库。"))
        return _put(rows, TerminalState.ISSUED, holder_id)


def take_back(*, actor: Actor, serials: Sequence[str]) -> list[Terminal]:
    """退库: pieces from installers' hands onto the shelf; the same again changes nothing."""
    branch_id = _keeper(actor)
    allowed = (TerminalState.ISSUED, TerminalState.IN_STOCK)
    with audit.acting(actor.id, "terminals taken back"), transaction.atomic():
        rows = _locked(actor, serials, branch_id)
        wrong = [row for row in rows if row.state not in allowed]
        _refuse(
            wrong,
            _("只有领用的终端能退库。"),
            _("待回收的在拆机工单上登记，已装的先办拆机或更换。"),
        )
        return _put(rows, TerminalState.IN_STOCK, None)


def write_off(
    *, actor: Actor, serials: Sequence[str], reason: str, count_id: UUID | None = None
) -> list[Terminal]:
    """报废: pieces that are broken or lost, with the reason; for good.

    With `count_id` because that count missed them: one that somebody has moved since then was not
    lost, and is refused.
    """
    branch_id = _keeper(actor)
    if not reason.strip():
        raise BadInput([InputFault("reason", _("没有填写原因。"), _("请写明为什么。"))])
    allowed = (TerminalState.ISSUED, TerminalState.IN_STOCK, TerminalState.SCRAPPED)
    missed = count_of(actor, count_id) if count_id is not None else None
    with audit.acting(actor.id, "terminals written off"), transaction.atomic():
        rows = _locked(actor, serials, branch_id)
        wrong = [row for row in rows if row.state not in allowed]
        _refuse(wrong, _("客户处的终端不能报废。"), _("先办拆机或更换，收回后再报废。"))
        if missed is not None:
            lost = {row.serial for row in still_lost(missed, rows)}
            back = [r for r in rows if r.serial not in lost and r.state != TerminalState.SCRAPPED]
            _refuse(back, _("盘点后有人动过的终端不是丢失。"), _("请刷新盘点，逐台核对。"))
        gone = [row.serial for row in rows if row.state != TerminalState.SCRAPPED]
        found = _put(rows, TerminalState.SCRAPPED, None)
        if gone:
            audit.record(
                "terminals-written-off",
                actor_id=actor.id,
                subject_type="inventory.terminal",
                subject_id=None,
                branch_id=branch_id,
                data={"serials": gone, "reason": reason.strip()[:200]},
            )
        return found


def count(
    *, actor: Actor, serials: Sequence[str], key: str, model: str = "", note: str = ""
) -> StockCount:
    """盘点: what lies on the shelf, of one model or all, held against what should.

    Missing are pieces in stock that nobody saw, surplus those that should be elsewhere, unknown
    those that were never counted in. No piece is changed. The same list under the same key again is
    the same count; another list is another, though the page be the same.
    """
    branch_id = _keeper(actor)
    if not key.strip():
        raise BadInput([InputFault("key", _("盘点没有带办理编号。"), _("请刷新页面。"))])
    seen = set(_asked(serials, most=SHELF))
    told = repr((key, branch_id, sorted(seen), model, note))
    page = hashlib.blake2s(told.encode(errors="replace"), digest_size=24).hexdigest()
    with transaction.atomic():
        # nobody brings pieces in, nor counts twice, while it is compared
        db.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", ["terminals"])
        before = StockCount.objects.filter(key=page).first()
        if before is not None:
            return before
        own = Terminal.objects.filter(branch_id=branch_id)
        if model and not own.filter(model=model).exists():
            what = _("库里没有这个型号。")
            raise BadInput([InputFault("model", what, _("请从名单里选。"))])
        # in one look: a piece that moves meanwhile is either here or there
        shelf = Q(state=TerminalState.IN_STOCK)
        rows = own.filter(shelf | Q(serial__in=seen)).values_list("serial", "state", "model")
        should, others = set(), {}
        for serial, state, of_model in rows:
            if state != TerminalState.IN_STOCK:
                others[serial] = state
            elif not model or of_model == model:
                should.add(serial)
            else:  # it lies where it should, and is none of those that are counted
                seen.discard(serial)
        return StockCount.objects.create(
            branch_id=branch_id,
            key=page,
            counted_by=actor.id,
            counted_at=now(),
            model=model[:60],
            note=note.strip()[:200],
            expected=len(should),
            found=len(seen),
            missing=sorted(should - seen),
            surplus=[{"serial": s, "state": others[s]} for s in sorted(others)],
            unknown=sorted(seen - should - set(others)),
        )


# ---- inside --------------------------------------------------------------------------------------


def _keeper(actor: Actor) -> UUID:
    """The branch whose stock somebody keeps."""
    if not may_keep(actor) or actor.branch_id is None or actor.id is None:
        raise NotKeeper(_("你的岗位不能管理终端库存。"), _("请由资源配置岗办理。"))
    return actor.branch_id


def _asked(serials: Sequence[str], most: int = MOST) -> list[str]:
    wanted = list(dict.fromkeys(s.strip().upper() for s in serials if s.strip()))
    if not wanted:
        raise BadInput([InputFault("serials", _("没有填写串号。"), _("请扫标签，一行一个。"))])
    if len(wanted) > most:
        what = _("一次最多 %(most)s 个串号。") % {"most": most}
        raise BadInput([InputFault("serials", what, _("请分几次办理。"))])
    return wanted


def _locked(actor: Actor, serials: Sequence[str], branch_id: UUID) -> list[Terminal]:
    wanted = _asked(serials)
    rows = list(
        Terminal.objects.filter(serial__in=wanted, branch_id=branch_id)
        .order_by("pk")
        .select_for_update(no_key=True)
    )
    missing = sorted(set(wanted) - {row.serial for row in rows})
    if missing:
        raise TerminalRefused(
            _("串号 %(list)s 不在库存里。") % {"list": _few(missing)},
            _("请核对标签，或先入库。"),
            field="serials",
        )
    return rows


def _refuse(wrong: Sequence[Terminal], why: str, remedy: str) -> None:
    """All or none: the pieces that cannot, each with where it is."""
    if wrong:
        said = [f"{row.serial}（{row.get_state_display()}）" for row in wrong]
        raise TerminalRefused(
            _("%(why)s不能办的：%(list)s。") % {"why": why, "list": _few(said)},
            remedy,
            field="serials",
        )


def _few(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    said = wording.several(texts[:_SHOWN])
    return said if more <= 0 else _("%(list)s 等 %(n)s 个") % {"list": said, "n": len(texts)}


def _put(rows: Iterable[Terminal], state: str, holder_id: UUID | None) -> list[Terminal]:
    found = list(rows)
    for row in found:
        if (row.state, row.holder_id) == (state, holder_id):
            continue
        row.state, row.holder_id, row.updated_at = state, holder_id, now()
        row.save()
    return found
