"""What leaving before the end of a contract costs (违约金), as the playbook counts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.charging import queries as money
from kaitong.charging import rents as charging
from kaitong.ordering import leaving
from kaitong.ordering.life_checks import Found, Subject, months_left, term_of
from kaitong.ordering.life_numbers import monthly_of, terms_of

LAST_RENT = "last-rent"  # the check that tells the days not billed yet, which are billed then
EXIT = "exit-fee"  # the charge, and the check that tells it before
PINNED = "exit"  # in a change's `agreed`: the fee as it was told, or None


@dataclass(frozen=True, slots=True)
class ExitFee:
    """The months left, begun ones whole, and what ending the line costs."""

    months: int
    fen: int
    code: str = EXIT
    title: str = "违约金"
    of_what: str = "合约"

    @property
    def note(self) -> str:
        return f"{self.of_what}剩余 {self.months} 个月"

    def pinned(self) -> dict[str, Any]:
        return {"fen": self.fen, "code": self.code, "title": self.title, "note": self.note}


def agreed(subject: Subject) -> dict[str, Any]:
    """What a change that tells the fee before keeps of it: that is charged, and nothing else."""
    if EXIT not in subject.procedure.counter.get("checks", {}):
        return {}
    fee = fee_of(subject)
    return {PINNED: fee.pinned() if fee is not None else None}


def told(kept: Mapping[str, Any]) -> list[dict[str, str]]:
    """The same as a line of the customer's paper."""
    fee = kept.get(PINNED)
    if not fee:
        return []
    after = f"{money.yuan(fee['fen'])}（{fee['note']}）"
    return [{"target": EXIT, "title": fee["title"], "before": "", "after": after}]


def last_rent(subject: Subject) -> Found:
    """结清: the days that stand on no bill yet. A change that tells them here bills them when it is
    asked for (`life.request_change`), so that its arrears check sees them."""
    fen = charging.unbilled_rent(subject.service.id, timezone.localdate(subject.at))
    if fen:
        yield (
            _("到昨天为止的月租 %(sum)s 还没有出账，办理时出账结清。") % {"sum": money.yuan(fen)},
            _("余额不够的，请先在收费页收足。"),
        )


def exit_fee(subject: Subject) -> Found:
    """违约金: what leaving before the contract's term costs, as the playbook counts it."""
    fee = fee_of(subject)
    if fee is not None:
        yield (
            _("合约还有 %(n)s 个月，提前销户须付违约金 %(sum)s。")
            % {"n": fee.months, "sum": money.yuan(fee.fen)},
            _("请先告知客户，客户同意再办。"),
        )


def fee_of(subject: Subject) -> ExitFee | None:
    """What ending a line within its contract costs; None where it costs nothing.

    The parameter `exit_fee` is a table with `percent`: so much of the rent of the months left. A
    marketing case may say what it costs to leave it so: of the two the dearer, never both.
    """
    percent = int((subject.procedure.parameters.get("exit_fee") or {}).get("percent", 0))
    term, terms = term_of(subject.service), terms_of(subject)
    months = months_left(term, timezone.localdate(subject.at))
    if not months or terms is None:
        return None
    fen = monthly_of(terms["charges"]) * months * percent // 100
    left = leaving.left(subject, terms, leaving.rules.CANCEL)
    if left is not None and left.fee_fen > fen:
        return ExitFee(left.months, left.fee_fen, leaving.CODE, leaving.TITLE, "营销案")
    return ExitFee(months, fen) if fen else None
