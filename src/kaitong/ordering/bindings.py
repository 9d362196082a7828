"""Numbers bound to marketing cases (绑定号码, BB-15): one living binding a number, by a rule.

A binding lives with its order's line: it ends when the order is refused, fails or is cancelled, and
when the case does. Numbers are encrypted and compared by a blind index.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from kaitong.core import db
from kaitong.core.clock import now
from kaitong.core.crypto import blind_index
from kaitong.core.masking import mask_phone
from kaitong.ordering.errors import OrderRefused
from kaitong.ordering.models import NUMBER_PURPOSE, NumberBinding, Order, OrderItem
from kaitong.party.choices import PhoneKind
from kaitong.party.names import PhoneNumber, parse_phone


def mobile(text: str) -> PhoneNumber | None:
    """A mobile number that can be bound; None for anything else."""
    number = parse_phone(text)
    return number if number is not None and number.kind == PhoneKind.MOBILE else None


def taken(number: PhoneNumber) -> bool:
    """Whether the number is bound already, anywhere."""
    return NumberBinding.objects.filter(number_index=_index(number), ended_at=None).exists()


def living_of(service_id: UUID) -> list[NumberBinding]:
    """The numbers bound to a line now, by whichever of its orders; in clear."""
    asked = OrderItem.objects.filter(service_id=service_id)
    pairs = set(asked.values_list("order_id", "item_id"))
    rows = NumberBinding.objects.filter(order_id__in={o for o, _item in pairs}, ended_at=None)
    return [row for row in rows if (row.order_id, row.item_id) in pairs]


def end_of_service(service_id: UUID, number: PhoneNumber | None = None) -> list[NumberBinding]:
    """Set a line's numbers free, or the one named; those that were bound until now."""
    ended = [row for row in living_of(service_id) if number is None or row.number == number.e164]
    NumberBinding.objects.filter(pk__in=[row.pk for row in ended], ended_at=None).update(
        ended_at=now()
    )
    return ended


def revive(ids: Iterable[UUID]) -> int:
    """Numbers whose binding ended are bound as before; how many somebody else has by now."""
    lost = 0
    for row in NumberBinding.objects.filter(pk__in=list(ids)).exclude(ended_at=None).order_by("pk"):
        try:
            with transaction.atomic():  # a savepoint: one that is taken stays ended
                NumberBinding.objects.filter(pk=row.pk).update(ended_at=None)
        except IntegrityError:
            lost += 1
    return lost


def take_turns(numbers: Iterable[PhoneNumber]) -> None:
    """Until this transaction ends nobody else binds one of these numbers.

    Locks are taken in a fixed order and before any other: two orders that bind the same two numbers
    the other way round wait for each other's end, not for each other.
    """
    keys = sorted(int.from_bytes(_index(number)[:8], signed=True) for number in numbers)
    for key in dict.fromkeys(keys):
        db.rows("select pg_advisory_xact_lock(%s)", [key])


def bind(order: Order, *, item_id: str, case: str, number: PhoneNumber) -> NumberBinding:
    """Bind a number to an order's line. Of two at once the database lets one pass."""
    try:
        with transaction.atomic():  # a savepoint: the number may be bound elsewhere
            return NumberBinding.objects.create(
                branch_id=order.branch_id,
                order=order,
                item_id=item_id,
                case=case,
                number=number.e164,
                number_index=_index(number),
                masked=mask_phone(number.digits),
            )
    except IntegrityError:
        raise OrderRefused(
            _("这个号码已绑定在另一项业务上。"),
            _("请换一个号码，或先办理原来那条的营销案变更。"),
            field="bound_number",
        ) from None


def end(order_id: UUID, item_id: str = "") -> int:
    """Set an order's numbers free, or those of one line; ending twice keeps the first time."""
    rows = NumberBinding.objects.filter(order_id=order_id, ended_at=None)
    if item_id:
        rows = rows.filter(item_id=item_id)
    return rows.update(ended_at=now())


def _index(number: PhoneNumber) -> bytes:
    return blind_index(NUMBER_PURPOSE, number.e164)
