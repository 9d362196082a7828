"""Recharge cards (充值卡): brought in by batch, used once, locked after wrong tries.

A secret is never kept: only a keyed fingerprint of it with its serial. Whether a serial exists is
told to nobody who does not have its secret. Wrong tries are written down whatever becomes of the
rest, so that nobody tries them all.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Sum
from django.utils.translation import gettext as _

from kaitong.charging.accounts import account_of, deposit, require_till
from kaitong.charging.choices import CardState, Method
from kaitong.charging.days import today
from kaitong.charging.errors import (
    ChargingConflict,
    ChargingForbidden,
    ChargingNotFound,
    ChargingRefused,
)
from kaitong.charging.models import Account, CardTry, Payment, RechargeCard
from kaitong.charging.policies import LOCKED_MINUTES, TRIES, every_rules
from kaitong.core import clock, db
from kaitong.core.crypto import blind_index
from kaitong.core.locks import lock_row
from kaitong.core.rows import BadRows, Put, RowFault
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to

_SERIAL = re.compile(r"[0-9A-Za-z-]{6,32}")
_SECRET = re.compile(r"[0-9A-Za-z]{8,32}")
PURPOSE = "charging.recharge-card"


@dataclass(frozen=True, slots=True)
class CardRow:
    """A card as its maker's file has it."""

    serial: str
    secret: str
    amount_fen: int
    expires_on: date


def import_cards(*, actor: Actor, batch: str, rows: Sequence[CardRow]) -> Put:
    """Bring cards into the branch's stock (入库), all or none; the same file again changes nothing.

    A serial that is known with another secret, sum or day is a fault. Raises BadRows.
    """
    if not actor.is_supervisor or actor.branch_id is None:
        raise ChargingForbidden(_("充值卡由班长入库。"), _("请由班长办理。"))
    if not batch.strip():
        raise ChargingRefused(_("没有填写批次。"), _("请填写批次号。"), field="batch")
    made = [
        RechargeCard(
            branch_id=actor.branch_id,
            batch=batch.strip()[:40],
            serial=row.serial.strip(),
            secret_index=_index(row.serial, row.secret),
            amount_fen=row.amount_fen,
            expires_on=row.expires_on,
        )
        for row in rows
    ]
    faults = _faults(rows)
    with transaction.atomic():
        db.rows("SELECT pg_advisory_xact_lock(hashtext('charging.cards'))")  # imports take turns
        known = {
            card.serial: card
            for card in RechargeCard.objects.filter(serial__in=[card.serial for card in made])
        }
        for number, card in enumerate(made):
            before = known.get(card.serial)
            if before is not None and _facts(before) != _facts(card):
                what = _("卡号 %(serial)s 已入库，内容不同。") % {"serial": card.serial}
                faults.append(RowFault(number, "serial", what, _("请核对文件。")))
        if faults:
            raise BadRows(faults)
        new = [card for card in made if card.serial not in known]
        RechargeCard.objects.bulk_create(new, batch_size=1000)
    return Put(added=len(new), same=len(made) - len(new))


@dataclass(frozen=True, slots=True)
class Wrong:
    """A try that did not succeed: what to raise once it is written down."""

    error: ChargingRefused


def redeem(*, actor: Actor, customer_id: UUID, serial: str, secret: str, key: str) -> Payment:
    """Use a card for a customer's account (充值), once: the same `key` returns the same payment.

    Raises after the try was written down; not to be called within a transaction.
    """
    outcome = attempt(actor=actor, customer_id=customer_id, serial=serial, secret=secret, key=key)
    if isinstance(outcome, Wrong):
        raise outcome.error
    return outcome


@transaction.atomic
def attempt(
    *, actor: Actor, customer_id: UUID, serial: str, secret: str, key: str
) -> Payment | Wrong:
    """The same, for a caller with more to do in the transaction: a wrong try is returned, so that
    it commits and can be raised afterwards."""
    require_till(actor)
    serial, secret = serial.strip(), secret.replace(" ", "").replace("-", "").strip()
    account = account_of(actor=actor, customer_id=customer_id)
    locked = lock_row(Account.objects.all(), account.pk)
    assert locked is not None
    done = Payment.objects.filter(account=account, order_id=None, key=key).first()
    if done is not None:
        card = RechargeCard.objects.filter(payment=done).first()
        if card is None or card.serial != serial:
            raise ChargingConflict(_("这次操作已按另一张卡办理。"), _("请刷新页面。"))
        return done
    tries, minutes = _limits()
    if _recent(account, actor, minutes) >= tries:
        return Wrong(
            ChargingRefused(
                _("充值卡试错次数过多，暂停办理。"),
                _("请 %(n)s 分钟后再试。") % {"n": minutes},
                field="secret",
            )
        )
    card = RechargeCard.objects.select_for_update().filter(serial=serial).first()
    right = card is not None and hmac.compare_digest(
        bytes(card.secret_index), _index(serial, secret)
    )
    if card is None or not right or not _serves(card, account):
        return _wrong(actor, account, card, tries)
    refusal = _unusable(card)
    if refusal is not None:
        return Wrong(refusal)
    payment = deposit(
        actor=actor,
        account_id=account.pk,
        method=Method.RECHARGE,
        amount_fen=card.amount_fen,
        key=key,
        reference=card.serial,
    )
    card.state, card.payment, card.used_at = CardState.USED, payment, clock.now()
    card.save(update_fields=["state", "payment", "used_at"])
    return payment


def void_card(*, actor: Actor, serial: str, reason: str) -> RechargeCard:
    """Take a card out of use (作废): lost, damaged; again changes nothing."""
    if not reason.strip():
        raise ChargingRefused(_("没有填写原因。"), _("请填写原因。"), field="reason")
    with transaction.atomic():
        card = _own(actor, serial)
        if card.state == CardState.USED:
            raise ChargingConflict(_("这张卡已充值，不能作废。"), _("请核对卡号。"))
        card.state, card.reason = CardState.VOID, reason.strip()[:200]
        card.save(update_fields=["state", "reason"])
    return card


def unlock_card(*, actor: Actor, serial: str) -> RechargeCard:
    """Give a locked card its tries back (解锁), after the customer has shown it."""
    with transaction.atomic():
        card = _own(actor, serial)
        if card.state == CardState.LOCKED:
            card.state, card.wrong = CardState.IN_STOCK, 0
            card.save(update_fields=["state", "wrong"])
    return card


def card(actor: Actor, serial: str) -> RechargeCard:
    """A card of stock by its serial, without its secret."""
    found = visible_to(RechargeCard.objects.all(), actor).filter(serial=serial.strip()).first()
    if found is None:
        raise ChargingNotFound(_("没有这张充值卡。"), _("请核对卡号和所在分公司。"))
    return found


def stock(actor: Actor) -> list[Mapping[str, object]]:
    """Cards by batch and state: {batch, state, n, fen}, in one query."""
    rows = visible_to(RechargeCard.objects.all(), actor).values("batch", "state")
    found = rows.annotate(n=Count("pk"), fen=Sum("amount_fen"))
    return list(found.order_by("batch", "state"))


# ---- inside --------------------------------------------------------------------------------------


def _index(serial: str, secret: str) -> bytes:
    return blind_index(PURPOSE, f"{serial.strip()}:{secret.strip()}")


def _facts(card: RechargeCard) -> tuple[bytes, int, date]:
    return bytes(card.secret_index), card.amount_fen, card.expires_on


def _faults(rows: Sequence[CardRow]) -> list[RowFault]:
    faults: list[RowFault] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows):
        serial = row.serial.strip()
        if not _SERIAL.fullmatch(serial):
            faults.append(RowFault(number, "serial", _("卡号应为 6 到 32 位字母和数字。")))
        if not _SECRET.fullmatch(row.secret.strip()):
            faults.append(RowFault(number, "secret", _("密码应为 8 到 32 位字母和数字。")))
        if row.amount_fen <= 0:
            faults.append(RowFault(number, "amount", _("面值应大于零。")))
        if serial in seen:
            what = _("卡号 %(serial)s 重复。") % {"serial": serial}
            faults.append(RowFault(number, "serial", what, twin=seen[serial]))
        seen.setdefault(serial, number)
    return faults


def _limits() -> tuple[int, int]:
    rules = list(every_rules().values())
    return (
        min((r.card_tries for r in rules), default=TRIES),
        max((r.card_locked_minutes for r in rules), default=LOCKED_MINUTES),
    )


def _recent(account: Account, actor: Actor, minutes: int) -> int:
    """Wrong tries of this account, or of this clerk, within the time."""
    since = clock.now() - timedelta(minutes=minutes)
    rows = CardTry.objects.filter(created_at__gte=since)
    of_clerk = rows.filter(actor_id=actor.id).count() if actor.id else 0
    return max(rows.filter(account=account).count(), of_clerk)


def _serves(card: RechargeCard, account: Account) -> bool:
    """A card is good in the branch whose stock it is of, and below it."""
    return card.branch_id == account.branch_id or account.branch.path.startswith(
        f"{card.branch.path}."
    )


def _wrong(actor: Actor, account: Account, card: RechargeCard | None, tries: int) -> Wrong:
    """The same words whether the serial exists or not."""
    CardTry.objects.create(
        branch_id=account.branch_id, account=account, card=card, actor_id=actor.id
    )
    if card is not None and card.state == CardState.IN_STOCK:
        card.wrong += 1
        if card.wrong >= tries:
            card.state = CardState.LOCKED
        card.save(update_fields=["wrong", "state"])
    return Wrong(
        ChargingRefused(_("卡号或密码不对。"), _("请逐位核对；错多次会锁卡。"), field="secret")
    )


def _unusable(card: RechargeCard) -> ChargingRefused | None:
    """Told only to whoever has the secret."""
    match CardState(card.state):
        case CardState.USED:
            return ChargingConflict(_("这张卡已充值过。"), _("请查看缴费记录。"), field="secret")
        case CardState.LOCKED:
            return ChargingRefused(
                _("这张卡已锁定。"), _("请由班长核对实物后解锁。"), field="secret"
            )
        case CardState.VOID:
            return ChargingRefused(_("这张卡已作废。"), _("请联系售卡网点。"), field="secret")
    if card.expires_on < today():
        return ChargingRefused(_("这张卡已过有效期。"), _("请联系售卡网点。"), field="secret")
    return None


def _own(actor: Actor, serial: str) -> RechargeCard:
    if not actor.is_supervisor:
        raise ChargingForbidden(_("充值卡由班长管理。"), _("请由班长办理。"))
    rows = visible_to(RechargeCard.objects.all(), actor)
    found = rows.select_for_update().filter(serial=serial.strip()).first()
    if found is None:
        raise ChargingNotFound(_("没有这张充值卡。"), _("请核对卡号和所在分公司。"))
    return found
