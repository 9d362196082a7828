"""What leaving before the end of a contract costs (违约金), as the playbook counts it."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.charging import queries as money
from kaitong.ordering.life_checks import Found, Subject, months_left, term_of
from kaitong.ordering.life_numbers import monthly_of, terms_of


def exit_fee(subject: Subject) -> Found:
    """违约金: what leaving before the contract's term costs, as the playbook counts it."""
    fee = fee_of(subject)
    if fee is not None:
        months, fen = fee
        yield (
            _("合约还有 %(n)s 个月，提前销户须付违约金 %(sum)s。")
            % {"n": months, "sum": money.yuan(fen)},
            _("请先告知客户，客户同意再办。"),
        )


def fee_of(subject: Subject) -> tuple[int, int] | None:
    """The months left, begun ones whole, and the fee in fen; None where leaving costs nothing.

    The parameter `exit_fee` is a table with `percent`: so much of the rent of the months left.
    """
    percent = int((subject.procedure.parameters.get("exit_fee") or {}).get("percent", 0))
    term, terms = term_of(subject.service), terms_of(subject)
    months = months_left(term, timezone.localdate(subject.at))
    if not percent or not months or terms is None:
        return None
    fen = monthly_of(terms["charges"]) * months * percent // 100
    return (months, fen) if fen else None
