"""选号: the customer picks a number of the branch's range, and it is held while he decides.

A number is held as a port is: for a draft until a countdown ends, for an accepted order until a
service has it. Of two who want one number the first to hold it has it. Numbers not made yet are as
free as those in the pool.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from kaitong.core import db, wording
from kaitong.core.clock import now
from kaitong.inventory.choices import NumberState
from kaitong.inventory.errors import BadPattern, NumberGone, TooManyHeld
from kaitong.inventory.models import NumberPool, PoolNumber, Service
from kaitong.inventory.numbers import bind, make
from kaitong.org import queries as org
from kaitong.org.actor import Actor

NUMBER = "number"
_LOOKED_AT = 100_000  # numbers not yet made that one search passes over at most


def free_numbers(
    *, branch_id: UUID, pattern: str, ending: str = "", holder: UUID | None = None, limit: int = 12
) -> list[str]:
    """Numbers of a range that may be picked now, also those this holder has held; by value."""
    template = _template(branch_id, pattern)
    pool = NumberPool.objects.filter(branch_id=branch_id, rule=NUMBER, template=template).first()
    found: list[str] = []
    if pool is not None:
        rows = PoolNumber.objects.filter(_open_to(holder), pool=pool, value__endswith=ending)
        found = list(rows.order_by("value").values_list("value", flat=True)[: limit * 2])
    made = pool.next_value if pool is not None else 1
    # a batch at a time: numbers picked before they were made, or brought in with their services
    batch: list[str] = []
    for value in _unmade(template, made, ending):
        if len(found) >= limit * 2:
            break
        batch.append(value)
        if len(batch) == limit * 2:
            found += _unknown(batch)
            batch = []
    found += _unknown(batch)
    used = set(Service.objects.filter(account__in=found).values_list("account", flat=True))
    return sorted(value for value in found if value not in used)[:limit]


def digits_of(text: str) -> str:
    """The digits of what was typed, as numbers are kept: an input method writes them full width."""
    return "".join(one for one in unicodedata.normalize("NFKC", text) if "0" <= one <= "9")


@dataclass(frozen=True, slots=True)
class Most:
    """How many numbers may be held at once, orders not counted; 0: any number."""

    clerk: int = 0
    customer: int = 0


@db.whole()
def hold_number(
    *,
    actor: Actor,
    branch_id: UUID,
    pattern: str,
    number: str,
    holder: UUID,
    hold_for: timedelta | None,
    formerly: UUID | None = None,
    quarantine_days: int = 0,
    most: Most | None = None,
    customer_id: UUID | None = None,
    let_go: bool = False,
) -> str:
    """Hold a number for a draft or an order; what else it held is free again. Held already is held
    on. `formerly` is under which name it was held until now. `hold_for` None: without an end; what
    is held so is an order's, and no page or draft that goes by its name lets it go.

    `most` is how many a clerk and a customer may hold at once, orders not counted: `let_go` frees
    the clerk's own oldest ones first.

    Raises NumberGone for a number of no range of the branch, or somebody else's by now, and
    TooManyHeld.
    """
    value = digits_of(number)
    template = _template(branch_id, pattern)
    if not actor.sees(branch_id) or not _of(template, value):
        raise NumberGone(
            _("%(number)s 不是可选的号码。") % {"number": number[:40]}, _("请从列出的号码里选。")
        )
    if Service.objects.filter(account=value).exists():
        raise _gone(value)
    limited = most if hold_for is not None else None
    if limited is not None:  # two pages of one clerk count one after the other
        for one in sorted(str(who) for who in (actor.id, customer_id) if who is not None):
            turn = f"numbers of {one}"
            db.rows("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [turn])
    pool, _made = NumberPool.objects.get_or_create(
        branch_id=branch_id,
        rule=NUMBER,
        template=template,
        defaults={"quarantine_days": quarantine_days},
    )
    PoolNumber.objects.bulk_create(
        [PoolNumber(pool=pool, rule=NUMBER, value=value)], ignore_conflicts=True
    )
    rows = PoolNumber.objects.filter(rule=NUMBER, value=value, pool=pool)
    row = rows.select_for_update(no_key=True).first()  # who comes second reads what the first did
    mine = {one for one in (holder, formerly) if one is not None}
    moment = now()
    if row is None or not (
        row.state == NumberState.FREE
        or (
            row.state == NumberState.HELD
            and (
                (row.held_for in mine and (hold_for is None or row.held_until is not None))
                or (row.held_until is not None and row.held_until <= moment)
            )
        )
    ):
        raise _gone(value)
    release_numbers(holder=holder, but=value, of_orders=hold_for is None)
    if limited is not None:
        _make_room(actor.id, customer_id, row.pk, limited, let_go)
    row.state, row.held_for = NumberState.HELD, holder
    row.held_until = None if hold_for is None else moment + hold_for
    row.held_by = actor.id if hold_for is not None else None
    row.held_of = customer_id if hold_for is not None else None
    row.save(update_fields=["state", "held_for", "held_until", "held_by", "held_of"])
    return value


def held_number(holder: UUID) -> str:
    """The number a draft or an order holds now; empty where it holds none, or its time is over."""
    rows = PoolNumber.objects.filter(rule=NUMBER, state=NumberState.HELD, held_for=holder)
    rows = rows.filter(Q(held_until=None) | Q(held_until__gt=now()))
    return rows.values_list("value", flat=True).first() or ""


def release_numbers(*, holder: UUID, but: str = "", of_orders: bool = True) -> int:
    """Give back what was held and no service has; nothing held is nothing."""
    rows = PoolNumber.objects.filter(rule=NUMBER, state=NumberState.HELD, held_for=holder)
    if not of_orders:
        rows = rows.exclude(held_until=None)
    return rows.exclude(value=but).update(**_FREE)


def expire_holds() -> int:
    """Numbers whose time is over are free; any number of workers at once."""
    rows = PoolNumber.objects.filter(state=NumberState.HELD, held_until__lte=now())
    return rows.update(**_FREE)


def take_held(service: Service, holder: UUID | None) -> str:
    """The number held for a service's order is the service's; empty where none is."""
    if holder is None:
        return ""
    rows = PoolNumber.objects.filter(rule=NUMBER, state=NumberState.HELD, held_for=holder)
    row = rows.select_for_update(no_key=True).order_by("value").first()
    if row is None:
        return ""
    row.state, row.service = NumberState.IN_USE, service
    row.held_for = row.held_until = None
    row.save(update_fields=["state", "service", "held_for", "held_until"])
    return str(row.value)


# ---- inside --------------------------------------------------------------------------------------

_FREE = {
    "state": NumberState.FREE,
    "held_for": None,
    "held_until": None,
    "held_by": None,
    "held_of": None,
}


def _make_room(
    clerk: UUID | None, customer_id: UUID | None, but: UUID, most: Most, let_go: bool
) -> None:
    """Raise TooManyHeld where one more would be too many, or free the clerk's own oldest ones."""
    living = PoolNumber.objects.filter(rule=NUMBER, state=NumberState.HELD, held_until__gt=now())
    for who, limit, found in (
        (clerk, most.clerk, living.filter(held_by=clerk)),
        (customer_id, most.customer, living.filter(held_of=customer_id)),
    ):
        if who is None or not limit:
            continue
        rows = list(found.exclude(pk=but).order_by("held_until", "value"))
        over = len(rows) - limit + 1
        if over <= 0:
            continue
        mine = [row.pk for row in rows if row.held_by == clerk][:over]
        if let_go and len(mine) == over:
            # one that an order has taken meanwhile is held too, without an end: that is not let go
            held = PoolNumber.objects.filter(pk__in=mine, state=NumberState.HELD, held_by=clerk)
            held.exclude(held_until=None).update(**_FREE)
            continue
        facts = {
            "n": len(rows),
            "most": limit,
            "list": wording.several(row.value for row in rows),
        }
        said = (
            _("您已经预占 %(n)s 个号码（%(list)s），最多 %(most)s 个。")
            if who == clerk
            else _("已经为这位客户预占 %(n)s 个号码（%(list)s），最多 %(most)s 个。")
        )
        raise TooManyHeld(said % facts, _("请先放开旧的，或办完那几单。"))


def _template(branch_id: UUID, pattern: str) -> str:
    code = org.branch(branch_id).code
    return bind(pattern, {"branch": code, "branch_lower": code.lower()})


def _open_to(holder: UUID | None) -> Q:
    open_now = Q(state=NumberState.FREE) | Q(state=NumberState.HELD, held_until__lte=now())
    return open_now if holder is None else open_now | Q(state=NumberState.HELD, held_for=holder)


def _unmade(template: str, first: int, ending: str) -> Iterator[str]:
    for sequence in range(first, first + _LOOKED_AT):
        try:
            value = make(template, sequence)
        except BadPattern:
            return
        if value.endswith(ending):
            yield value


def _unknown(values: list[str]) -> list[str]:
    known = PoolNumber.objects.filter(rule=NUMBER, value__in=values)
    there = set(known.values_list("value", flat=True))
    return [value for value in values if value not in there]


def _of(template: str, value: str) -> bool:
    """Whether a number is one of a range: what stands around its sequence is the range's."""
    before, _brace, rest = template.partition("{")
    width, _close, after = rest.removeprefix("seq:").partition("}")
    middle = value.removeprefix(before)[: len(value) - len(before) - len(after)]
    return (
        len(value) == len(before) + int(width) + len(after)
        and value.startswith(before)
        and value.endswith(after)
        and middle.isdigit()
        and int(middle) > 0  # sequences begin at one
    )


def _gone(value: str) -> NumberGone:
    return NumberGone(
        _("号码 %(number)s 已被别人选走。") % {"number": value}, _("请另选一个号码。")
    )
